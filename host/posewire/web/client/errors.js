/**
 * The errors of the client: one small tree with stable codes, those of the host and of the Python client
 * (docs/commands.md, docs/wire.md section 2.1). Every error that the client throws on purpose is one of these.
 */

export class PosewireError extends Error {
  /** The code of an error of this class, unless it is given another. */
  static code = "internal";
  // Written out: a bundler that makes names shorter would change it.
  /** @override */
  name = "PosewireError";

  /**
   * @param {string} message
   * @param {string} [code]
   * @param {ErrorOptions} [options] `cause`: what has led to it
   */
  constructor(message, code, options) {
    super(message, options);
    /** Stable, and made for programs; `message` is for people. */
    this.code = code ?? new.target.code;
  }
}

/** An option is out of range, or names what is not there. */
export class ConfigError extends PosewireError {
  /** @override */
  static code = "bad_config";
  /** @override */
  name = "ConfigError";
}

/** What a host refuses, or would refuse; `code` says why. */
export class WireError extends PosewireError {
  /** @override */
  static code = "bad_message";
  /** @override */
  name = "WireError";
}

/** A binary message that does not parse, or that cannot be built. */
export class FrameError extends WireError {
  /** @override */
  static code = "bad_frame";
  /** @override */
  name = "FrameError";
}

/** What is no pose, or a pose packet that does not decode. */
export class PoseError extends WireError {
  /** @override */
  static code = "bad_pose";
  /** @override */
  name = "PoseError";
}

/** The host is not there, or what is there is none; `code` and the message say why. */
export class HostUnreachableError extends PosewireError {
  /** @override */
  static code = "not_available";
  /** @override */
  name = "HostUnreachableError";
}

/** The host is there, and does not let this page in: its token is missing, wrong, expired or revoked. */
export class UnauthorizedError extends HostUnreachableError {
  /** @override */
  static code = "unauthorized";
  /** @override */
  name = "UnauthorizedError";
}

/** There will be no connection any more, or none in time. */
export class NotConnectedError extends PosewireError {
  /** @override */
  static code = "not_connected";
  /** @override */
  name = "NotConnectedError";
}

/** The host has not answered in time. */
export class AnswerTimeoutError extends PosewireError {
  /** @override */
  static code = "timeout";
  /** @override */
  name = "AnswerTimeoutError";

  /** @param {number} ms the time that it had */
  constructor(ms) {
    super(`the host has not answered within ${ms / 1000} s`);
    this.thresholdMs = ms;
  }
}

/** As many messages wait for the host already. */
export class QueueFullError extends PosewireError {
  /** @override */
  static code = "queue_full";
  /** @override */
  name = "QueueFullError";

  /** @param {number} capacity */
  constructor(capacity) {
    super(`${capacity} messages wait for the host already`);
    this.capacity = capacity;
  }
}

/** Messages that did not reach the host. */
export class NotDeliveredError extends PosewireError {
  /** @override */
  static code = "not_delivered";
  /** @override */
  name = "NotDeliveredError";

  /**
   * @param {string} message
   * @param {number} [count] how many
   */
  constructor(message, count = 1) {
    super(message);
    this.count = count;
  }
}

/** A part of the browser or the computer is not there, or failed: a microphone, Opus. */
export class ProviderError extends PosewireError {
  /** @override */
  static code = "not_available";
  /** @override */
  name = "ProviderError";
}
