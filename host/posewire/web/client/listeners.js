/** Handlers of events, by the event's name, and feeds that turn events into loops. */

/** @typedef {(...values: any[]) => unknown} Handler */

/**
 * Calls the handlers of an event in the order in which they were added. A handler that fails harms nobody else: its
 * exception goes to the handlers of `error`, or where there are none to `orElse`, as it is the console.
 */
export class Listeners {
  /** @type {Map<string, Set<{handler: Handler}>>} */
  #added = new Map();
  #else;

  /** @param {(error: unknown, event: string) => void} [orElse] gets exceptions for which there is no handler */
  constructor(orElse = (error, event) => console.error(`a handler of "${event}" failed`, error)) {
    this.#else = orElse;
  }

  /**
   * Add a handler; returns a function that removes it. A signal that is aborted does so, too.
   * @param {string} event
   * @param {Handler} handler
   * @param {{signal?: AbortSignal}} [options]
   * @returns {() => void}
   */
  on(event, handler, { signal } = {}) {
    if (signal?.aborted) return () => {};
    const added = this.#added.get(event) ?? new Set();
    this.#added.set(event, added);
    const entry = { handler };
    added.add(entry);
    const remove = () => {
      added.delete(entry);
      signal?.removeEventListener("abort", remove);
    };
    signal?.addEventListener("abort", remove);
    return remove;
  }

  /**
   * Call the handlers of an event; returns whether there are any.
   * @param {string} event
   * @param {...any} values
   */
  emit(event, ...values) {
    const added = this.#added.get(event) ?? new Set();
    const now = [...added];
    for (const entry of now) {
      if (!added.has(entry)) continue; // one before it has removed it
      try {
        const work = entry.handler(...values);
        if (work instanceof Promise) work.catch((error) => this.failed(error, event));
      } catch (error) {
        this.failed(error, event);
      }
    }
    return now.length > 0;
  }

  /**
   * Report an exception of a handler.
   * @param {unknown} error
   * @param {string} event
   */
  failed(error, event) {
    if (event === "error" || !this.emit("error", error)) this.#else(error, event);
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
