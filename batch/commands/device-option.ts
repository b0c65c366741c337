/** `--device` and `--threads` of the commands that encode, and what they say of where the model runs. */
import { InvalidArgumentError, Option } from "commander";
import type { OnnxEncoderOptions } from "../encoders/onnx/onnx-encoder.ts";

export const DEVICE_VARIABLE = "LZERO_DEVICE";
const DEVICES = ["cpu", "cuda", "auto"] as const;

export interface DeviceOptions {
  readonly device?: (typeof DEVICES)[number];
  readonly threads?: number;
}

export function deviceOption(): Option {
  return new Option(
    "--device <kind>",
    "where the model runs: cpu, cuda (an error where it cannot) or auto (cuda where it can, and says which)",
  )
    .choices(DEVICES)
    .default("cpu")
    .env(DEVICE_VARIABLE);
}

export function threadsOption(): Option {
  return new Option(
    "--threads <n>",
    "threads of the encoder (default: the cores there are, at most 16)",
  ).argParser((text: string) => {
    if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
    throw new InvalidArgumentError("A whole number from 1 on.");
  });
}

/** @param say told where the model runs, when it was not named */
export function encoderOptionsOf(
  { device, threads }: DeviceOptions,
  say: (text: string) => void,
): OnnxEncoderOptions {
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
    onDevice: (chosen, whyNotCuda) => {
      if (device !== "auto") return;
      say(whyNotCuda === null ? `encoding on ${chosen}` : `encoding on ${chosen}, since ${whyNotCuda}`);
    },
  };
}
