/** The numbers of the packet format (docs/pose-packet.md). */

export const SKIP = 0, DELTA = 1, INTRA = 2;
export const KEY = 0, KIND_DELTA = 1, REPEAT = 2, SNAPSHOT = 3, RESTART = 4, CONTROL = 7;
export const MODE_INTRA = 3, HAS_MASK = 0x20, HAS_REFRESH = 0x40, HAS_INTRA_MASK = 0x80;
export const LOW = 1 << 22, UNIT_GAIN = 32, CUSTOM_ID = 0, QUAT_ID = 7, ALL = 1 << 30;
