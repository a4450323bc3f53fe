/** The types of pose.js, whose modules are checked by the vectors instead. */

export { PoseError } from "./errors.js";

export interface LandmarkSet {
  readonly id: number;
  readonly name: string;
  readonly landmarks: number;
  readonly channels: number;
  readonly bits: readonly number[];
  readonly size: number;
  readonly quat: boolean;
}

export function landmarkSet(name: string | object, bits?: readonly number[]): LandmarkSet;

export interface PoseFrame {
  stream: number;
  sequence: number;
  timeMs: number;
  /** By the name of each landmark set: (landmarks x channels) floats, NaN where a landmark is missing. */
  values: Record<string, Float32Array>;
  integers: Record<string, Int32Array>;
  layer: number;
  repeat: boolean;
}

export class PoseDecoder {
  constructor(options?: { stream?: number | null });
  stream: number | null;
  last: PoseFrame | null;
  needsKey: boolean;
  decode(packet: Uint8Array, nowMs?: number | null): PoseFrame | null;
  ageMs(nowMs: number): number | null;
  keyRequest(): Uint8Array;
  ack(): Uint8Array | null;
}

export class OneEuro {
  constructor(options?: { minCutoff?: number; beta?: number; derivativeCutoff?: number });
  apply(name: string, values: ArrayLike<number>, timeMs: number): Float32Array;
}

export interface EncoderOptions {
  stream?: number;
  keyEvery?: number;
  refresh?: number;
  layers?: number;
  acknowledged?: boolean;
  budget?: number | null;
  coarse?: number;
  sequence?: number;
  smooth?: OneEuro | null;
}

export class PoseEncoder {
  constructor(sets: string | object | (string | object)[], options?: EncoderOptions);
  sets: LandmarkSet[];
  seq: number;
  acknowledged: boolean;
  budget: number | null;
  coarse: number;
  requestKey(): void;
  control(packet: Uint8Array): void;
  encode(values: Record<string, ArrayLike<number> | null>, timeMs: number): Uint8Array;
}

export function control(what: number, stream: number, sequence: number, bytes?: number): Uint8Array;
