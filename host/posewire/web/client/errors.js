/** The errors of the client: one small tree; `code` is stable (docs/wire.md section 2.1). */

export class PosewireError extends Error {
  /**
   * @param {string} message
   * @param {string} [code]
   */
  constructor(message, code = "internal") {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The host refuses what it was sent; `code` says why. */
export class WireError extends PosewireError {
  /**
   * @param {string} message
   * @param {string} [code]
   */
  constructor(message, code = "bad_message") {
    super(message, code);
  }
}

/** A binary message that does not parse, or that cannot be built. */
export class FrameError extends WireError {
  /** @param {string} message */
  constructor(message) {
    super(message, "bad_frame");
  }
}

/** No host answers at any of the addresses. */
export class HostUnreachableError extends PosewireError {
  /**
   * @param {string} message
   * @param {string} [code]
   */
  constructor(message, code = "not_available") {
    super(message, code);
  }
}

/** The host is there, and does not let this page in. */
export class UnauthorizedError extends HostUnreachableError {
  /** @param {string} message */
  constructor(message) {
    super(message, "unauthorized");
  }
}

/** There will be no connection any more, or none in time. */
export class NotConnectedError extends PosewireError {
  /** @param {string} message */
  constructor(message) {
    super(message, "not_connected");
  }
}

/** The host has not answered in time. */
export class AnswerTimeoutError extends PosewireError {
  /** @param {number} ms */
  constructor(ms) {
    super(`the host has not answered within ${ms} ms`, "timeout");
    this.threshold = ms;
  }
}

/** As many messages wait for the host already. */
export class QueueFullError extends PosewireError {
  /** @param {number} capacity */
  constructor(capacity) {
    super(`${capacity} messages wait for the host already`, "queue_full");
    this.capacity = capacity;
  }
}

/** Messages that the host has not confirmed, or that were never sent. */
export class NotDeliveredError extends PosewireError {
  /**
   * @param {string} message
   * @param {number} [count]
   */
  constructor(message, count = 1) {
    super(message, "not_delivered");
    this.count = count;
  }
}
