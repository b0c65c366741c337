/** What the commands about generations tell a person. */
import type {
  GenerationSummary,
  GenerationsResponse,
  RetentionRules,
} from "../../shared/catalog/history-commands.ts";
import { formatCount, formatTable } from "../inspect/table.ts";
import type { HiddenCount } from "./count-hidden.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const REASONS: Readonly<Record<NonNullable<GenerationSummary["why"]>, string>> = {
  create: "index made",
  publish: "publish",
  merge: "merge",
  delete: "delete",
  rollback: "rollback",
  idf: "idf",
};

/** Newest first. */
export function formatGenerations(
  index: string,
  { generations, retention }: GenerationsResponse,
  nowMs: number,
): string {
  const rows = generations
    .toReversed()
    .map((one) => [
      String(one.generation),
      formatAge(nowMs - one.createdAtMs),
      formatTime(one.createdAtMs),
      formatCount(one.documents),
      String(one.segments),
      formatCount(one.sizeBytes),
      describeReason(one),
      [one.live ? "live" : "", one.pinned ? "pinned" : ""].filter((mark) => mark !== "").join(", "),
    ]);
  const columns = [
    { name: "generation", isNumber: true },
    { name: "age", isNumber: true },
    { name: "made" },
    { name: "documents", isNumber: true },
    { name: "segments", isNumber: true },
    { name: "bytes", isNumber: true },
    { name: "why" },
    { name: "" },
  ];
  return [index, formatTable(columns, rows), describeRetention(retention)].join("\n");
}

function describeReason({ why, restored }: GenerationSummary): string {
  if (why === null) return "";
  return restored === null ? REASONS[why] : `${REASONS[why]} to ${restored}`;
}

export function describeRetention({ generationMs, generations }: RetentionRules): string {
  return `A generation is kept for ${formatDuration(generationMs)} after it was replaced while it is among the ${generations} newest; pinned ones until they are unpinned.`;
}

/** What a rollback would do, or has done. */
export function describeHidden({ gone, older }: HiddenCount, tense: "will" | "did"): string {
  const hidden = gone + older;
  if (hidden === 0) {
    return tense === "will"
      ? "No acknowledged document will be hidden."
      : "No acknowledged document is hidden.";
  }
  const verb = tense === "will" ? "will be" : "are";
  return `${formatDocuments(hidden, "acknowledged")} ${hidden === 1 && tense === "did" ? "is" : verb} hidden: ${formatCount(older)} at a newer version than the restored one, ${formatCount(gone)} without any.`;
}

export function describeWithheld(withheld: number): string {
  return withheld === 0
    ? "Nothing was deleted since that comes back."
    : `${formatDocuments(withheld)} of that generation ${withheld === 1 ? "was" : "were"} deleted since and ${withheld === 1 ? "stays" : "stay"} deleted.`;
}

export function formatDocuments(count: number, what = ""): string {
  return `${formatCount(count)}${what === "" ? "" : ` ${what}`} ${count === 1 ? "document" : "documents"}`;
}

export function formatTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** As coarse as a person wants it: seconds, minutes, hours or days. */
export function formatAge(ageMs: number): string {
  const age = Math.max(0, ageMs);
  if (age < 2 * MINUTE_MS) return `${Math.floor(age / 1000)} s`;
  if (age < 2 * HOUR_MS) return `${Math.floor(age / MINUTE_MS)} min`;
  if (age < 2 * DAY_MS) return `${Math.floor(age / HOUR_MS)} h`;
  return `${Math.floor(age / DAY_MS)} d`;
}

function formatDuration(durationMs: number): string {
  if (durationMs >= 2 * DAY_MS) return `${durationMs / DAY_MS} days`;
  if (durationMs > HOUR_MS) return `${durationMs / HOUR_MS} hours`;
  return `${durationMs / MINUTE_MS} minutes`;
}
