/** `--memory`, for commands that merge. */
import { InvalidArgumentError, Option } from "commander";
import { isLzeroError } from "../../shared/errors.ts";
import { DEFAULT_MERGE_MEMORY, parseMemory } from "../publish/merge-budget.ts";

export interface MemoryOptions {
  /** Bytes. */
  readonly memory?: number;
}

export function memoryOption(): Option {
  return new Option("--memory <size>", "what a merge may take of memory, e.g. 512m or 2g; 64m at least")
    .default(parseMemory(DEFAULT_MERGE_MEMORY), DEFAULT_MERGE_MEMORY)
    .argParser((text) => {
      try {
        return parseMemory(text);
      } catch (error) {
        throw isLzeroError(error) ? new InvalidArgumentError(error.message) : error;
      }
    });
}
