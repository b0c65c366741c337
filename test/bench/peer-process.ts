/**
 * One engine of `npm run bench -- peers` in a process of its own, so that its memory and its warmth are its own. In: the
 * engine's name, a collection's folder, seconds a set of queries may take. Out: a row of JSON on standard output.
 */
import { QUERY_SETS } from "./collections/query-sets.ts";
import { openCollection, readQueries } from "./collections/read-collection.ts";
import { openEngine } from "./peers/engines.ts";
import { readExactResults } from "./peers/exact-results.ts";
import { timeEngine } from "./peers/timing.ts";

const [name, folder, budgetSeconds] = process.argv.slice(2);
const collection = openCollection(folder!);
const engine = await openEngine(name!, collection);
const sets = Object.fromEntries(
  QUERY_SETS.map((set) => [
    set,
    { queries: readQueries(folder!, set), exact: readExactResults(folder!, set) },
  ]),
);
console.log(JSON.stringify(timeEngine(engine, collection, sets, Number(budgetSeconds))));
engine.close?.();
