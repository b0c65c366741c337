/** What is explored: small histories, with as many faults as their states can be counted in time. */
import type { Scope } from "./state.ts";

/** `a` is written, deleted and written again; `b` is written once. */
const BASE: Omit<Scope, "name"> = {
  messages: [
    [
      ["a", 1],
      ["b", 1],
    ],
    [["a", 3]],
  ],
  deletions: [["a", 2]],
  batches: [[[0]], [[1]]],
  attempts: 1,
  merges: 0,
  collections: 0,
  rollbacks: 0,
  readers: 0,
  searches: 0,
  crashes: 0,
  losses: 0,
  ticks: 0,
};

/** Each in about a second or two. */
export const SMALL_SCOPES: readonly Scope[] = [
  {
    ...BASE,
    name: "merge: two publishers, a deletion, a merge, the outbox, a collector",
    merges: 1,
    collections: 1,
  },
  {
    ...BASE,
    name: "crash: two publishers and the outbox, one of which crashes at any step",
    deletions: [],
    attempts: 2,
    crashes: 1,
  },
  {
    ...BASE,
    name: "loss: two publishers and the outbox, one request lost, late or unanswered",
    deletions: [],
    attempts: 2,
    losses: 1,
  },
  {
    ...BASE,
    name: "lease: two publishers, the outbox and a collector, while leases and retention end",
    deletions: [],
    collections: 1,
    ticks: 1,
  },
  {
    ...BASE,
    name: "read: a publisher of two segments, the outbox, two readers and a client that roams between them",
    deletions: [],
    batches: [[[0], [1]]],
    attempts: 2,
    readers: 2,
    searches: 1,
  },
  {
    ...BASE,
    name: "roll back: two publishers, a deletion, a rollback at any moment to any generation",
    rollbacks: 1,
  },
];

/** Each in minutes. */
export const LARGE_SCOPES: readonly Scope[] = [
  {
    ...BASE,
    name: "publish: two publishers, a deletion, the outbox, a collector; one crash, leases and retention end",
    attempts: 2,
    collections: 1,
    crashes: 1,
    ticks: 1,
  },
  {
    ...BASE,
    name: "duplicates: the second publisher gets both messages, the first one's again; one crash or loss each",
    batches: [[[0]], [[1], [0]]],
    attempts: 3,
    crashes: 1,
    losses: 1,
  },
  {
    ...BASE,
    name: "merge: two publishers, a deletion, a merge, a collector; one crash, leases and retention end",
    merges: 1,
    collections: 1,
    crashes: 1,
    ticks: 1,
  },
  {
    ...BASE,
    name: "outbox: two publishers, a deletion; two puts or requests lost or late, time passes twice",
    attempts: 2,
    losses: 2,
    ticks: 2,
  },
  {
    ...BASE,
    name: "read: two publishers, a merge, a collector, two readers of two searches each; retention ends",
    merges: 1,
    collections: 1,
    readers: 2,
    searches: 1,
    ticks: 1,
  },
  {
    ...BASE,
    name: "roll back: two publishers, a deletion, a merge, a collector, a rollback; retention ends",
    merges: 1,
    collections: 1,
    rollbacks: 1,
    ticks: 1,
  },
];
