// Web Serial for a page under test: `window.serialPort*` are the test's, and have a port of this machine at their other end.
{
  const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const encode = (bytes) => btoa(String.fromCharCode(...bytes));

  class SerialPort extends EventTarget {
    readable = null;
    writable = null;
    #open = 0;

    getInfo() {
      return { usbVendorId: 0x303a, usbProductId: 0x1001 };
    }

    async open({ baudRate }) {
      if (this.#open) throw new DOMException("The port is already open.", "InvalidStateError");
      const number = await window.serialPortOpen(baudRate);
      if (!number) throw new DOMException("Failed to open serial port.", "NetworkError");
      this.#open = number;
      this.readable = new ReadableStream(
        {
          pull: async (stream) => {
            const text = await window.serialPortRead(number);
            if (this.#open !== number) return;
            if (text === null) stream.error(new DOMException("The device has been lost.", "NetworkError"));
            else stream.enqueue(decode(text));
          },
        },
        { highWaterMark: 0 },
      );
      this.writable = new WritableStream({ write: (bytes) => window.serialPortWrite(number, encode(bytes)) });
    }

    async setSignals(signals) {
      await window.serialPortSignals(signals);
    }

    async close() {
      if (this.readable?.locked || this.writable?.locked) throw new TypeError("a stream is locked");
      const number = this.#open;
      this.#open = 0;
      this.readable = this.writable = null;
      await window.serialPortClose(number);
    }
  }

  const port = new SerialPort();
  let chosen = false;
  const serial = new EventTarget();
  serial.getPorts = async () => (chosen ? [port] : []);
  serial.requestPort = async () => {
    chosen = true;
    return port;
  };
  Object.defineProperty(navigator, "serial", { value: serial, configurable: true });
}
