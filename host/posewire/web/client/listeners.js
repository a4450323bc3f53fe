/** Handlers of events, by the event's name, and feeds that turn events into loops. */

/** @typedef {(...values: any[]) => unknown} Handler */

/**
 * Calls the handlers of an event in the order in which they were added. A handler that fails harms nobody else: its
 * exception goes to the handlers of `error`, or to the console where there are none.
 */
export class Listeners {
  /** @type {Map<string, Handler[]>} */
  #handlers = new Map();

  /**
   * Add a handler; returns a function that removes it.
   * @param {string} event
   * @param {Handler} handler
   * @returns {() => void}
   */
  on(event, handler) {
    const handlers = this.#handlers.get(event) ?? [];
    this.#handlers.set(event, [...handlers, handler]);
    return () =>
      this.#handlers.set(
        event,
        (this.#handlers.get(event) ?? []).filter((known) => known !== handler),
      );
  }

  /**
   * Call the handlers of an event; returns whether there are any.
   * @param {string} event
   * @param {...any} values
   */
  emit(event, ...values) {
    const handlers = this.#handlers.get(event) ?? [];
    for (const handler of handlers) {
      try {
        const work = handler(...values);
        if (work instanceof Promise) work.catch((error) => this.failed(error, event));
      } catch (error) {
        this.failed(error, event);
      }
    }
    return handlers.length > 0;
  }

  /**
   * Report an exception of a handler.
   * @param {unknown} error
   * @param {string} event
   */
  failed(error, event) {
    if (event === "error" || !this.emit("error", error)) console.error(`a handler of "${event}" failed`, error);
  }
}

/**
 * An endless sequence for `for await`: what is put while the loop is busy waits, at most `capacity`; then the oldest
 * is dropped.
 * @template T
 */
export class Feed {
  /** @type {T[]} */
  #waiting = [];
  /** @type {(() => void) | null} */
  #wake = null;
  #ended = false;
  dropped = 0;

  /**
   * @param {number} capacity
   * @param {(feed: Feed<T>) => void} [closed] is called when a loop over it has ended
   */
  constructor(capacity, closed) {
    this.capacity = capacity;
    this.closed = closed;
  }

  /** @param {T} value */
  put(value) {
    if (this.#waiting.push(value) > this.capacity) {
      this.#waiting.shift();
      this.dropped++;
    }
    this.#wake?.();
  }

  end() {
    this.#ended = true;
    this.#wake?.();
  }

  /** @returns {AsyncGenerator<T, void, void>} */
  async *[Symbol.asyncIterator]() {
    try {
      for (;;) {
        while (this.#waiting.length) yield /** @type {T} */ (this.#waiting.shift());
        if (this.#ended) return;
        await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
        this.#wake = null;
      }
    } finally {
      this.closed?.(this);
    }
  }
}
