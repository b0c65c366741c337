/** What an operator does to generations: goes back to an older one, pins and unpins, asks for other query weights. */
import { IDF_MODES } from "../../shared/model/idf.ts";
import { batchPort } from "./catalog-ports.ts";
import { NetworkError } from "./network.ts";
import type { Actor } from "./timeline.ts";
import type { World } from "./world.ts";

/** Of the generations that can be gone back to; those of an instant ago hide little. */
export async function rollBack(world: World, actor: Actor): Promise<void> {
  const { random } = world;
  if (!random.chance(world.rollbackRate)) return;
  const port = batchPort(actor, world.ports);
  const { generations } = await port.generations();
  const { generation: to } = random.pick(generations);
  const expected = random.chance(0.5) ? (generations.at(-1)?.generation ?? null) : null;
  await port.rollback({ to, expected });
}

export async function changePin(world: World, actor: Actor): Promise<void> {
  const { random } = world;
  const port = batchPort(actor, world.ports);
  const { generations } = await port.generations();
  const { generation, pinned } = random.pick(generations);
  await port.pin({ generation, pinned: !pinned });
}

/** As a client may ask for at any time. */
export async function changeIdf(world: World, actor: Actor): Promise<void> {
  const settings = world.settings(world.random.pick(IDF_MODES));
  try {
    await world.host.call(actor, "create", (catalog) => catalog.create(settings));
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
  }
}
