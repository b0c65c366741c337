/**
 * Goes back to an older generation: counts what that hides, asks, does it, and says what happened. What was counted is
 * what is hidden: when the index changes meanwhile it is counted and asked again. Replay is the caller's.
 */
import type { RollbackResponse } from "../../shared/catalog/history-commands.ts";
import { isLzeroError, LzeroError } from "../../shared/errors.ts";
import type { HistoryPort } from "../catalog-port.ts";
import { countHidden, type HiddenCount } from "./count-hidden.ts";
import { describeHidden, describeWithheld } from "./format-history.ts";

/** Rounds of counting and asking; an index that changes faster than a person answers needs --yes. */
const MAX_ROUNDS = 5;

export interface RollbackPorts {
  readonly catalog: Pick<HistoryPort, "generations" | "compare" | "rollback">;
  readonly print: (text: string) => void;
  /** Asks a person; null: nobody is there to be asked, which is consent. */
  readonly confirm: ((question: string) => Promise<boolean>) | null;
}

export interface RollbackDone extends RollbackResponse {
  readonly hidden: HiddenCount;
}

/**
 * @returns null when the person said no: nothing is changed then
 * @throws LzeroError `generation_not_found`, `generation_collected`, `generation_conflict`
 */
export async function rollBack(
  to: number,
  { catalog, print, confirm }: RollbackPorts,
): Promise<RollbackDone | null> {
  if (confirm === null) return await finish(await catalog.rollback({ to, expected: null }));
  for (let round = 1; ; round++) {
    const { generations } = await catalog.generations();
    const expected = generations.find(({ live }) => live)!.generation;
    const hidden = await countHidden(catalog, expected, to);
    print(`Generation ${expected} is current. ${describeHidden(hidden, "will")}`);
    if (!(await confirm(`Roll back to generation ${to}?`))) return null;
    try {
      return await finish(await catalog.rollback({ to, expected }));
    } catch (error) {
      if (!isLzeroError(error, "generation_conflict")) throw error;
      if (round === MAX_ROUNDS) throw tooBusy(error);
      print("The index has changed meanwhile; counting again.");
    }
  }

  async function finish(done: RollbackResponse): Promise<RollbackDone> {
    const hidden = await countHidden(catalog, done.replaced, done.generation);
    if (done.generation === done.replaced) print(`Generation ${to} is the current one already.`);
    else {
      print(`Generation ${done.generation} restores generation ${to}.`);
      print(describeHidden(hidden, "did"));
      print(describeWithheld(done.withheld));
      print(
        `\`lzero rollback --to ${done.replaced}\` takes it back while generation ${done.replaced} is kept.`,
      );
    }
    return { ...done, hidden };
  }
}

function tooBusy(cause: LzeroError): LzeroError {
  return new LzeroError(
    "generation_conflict",
    "the index changes faster than it can be counted: stop the consumers first, or give --yes",
    cause.details,
    cause,
  );
}
