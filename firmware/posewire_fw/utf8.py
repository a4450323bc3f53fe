"""UTF-8 checked strictly (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF."""

import micropython


@micropython.viper
def is_utf8(data, count: int) -> bool:
    d = ptr8(data)
    i = 0
    while i < count:
        c = int(d[i])
        i += 1
        if c >= 0x80:
            low = 0x80
            high = 0xBF
            more = 1
            if c < 0xC2 or c > 0xF4:
                return False
            if c >= 0xF0:
                more = 3
                if c == 0xF0:
                    low = 0x90
                elif c == 0xF4:
                    high = 0x8F
            elif c >= 0xE0:
                more = 2
                if c == 0xE0:
                    low = 0xA0
                elif c == 0xED:
                    high = 0x9F
            if i + more > count:
                return False
            while more:
                c = int(d[i])
                if c < low or c > high:
                    return False
                low = 0x80
                high = 0xBF
                i += 1
                more -= 1
    return True
