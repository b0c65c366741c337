/// <reference path="./workers-globals.d.ts" />
/**
 * The Cache API of a data centre: it takes what it likes, drops it when it likes, fails now and then, and knows nothing
 * of what happens in KV. The real reader uses it.
 */
import { EdgePageCache } from "../../workers/edge-page-cache.ts";
import type { KvPlace } from "./simulated-kv.ts";
import type { Actor } from "./timeline.ts";
import type { World } from "./world.ts";

const LOST = 0.1;
const MAX_WAY_MS = 20;

export class SimulatedEdgeCache {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #place: KvPlace;

  constructor(world: World, actor: Actor, place: KvPlace) {
    this.#world = world;
    this.#actor = actor;
    this.#place = place;
  }

  /** What one request is given. */
  ofRequest(): EdgePageCache {
    const { pages } = this.#place;
    const match = async (address: string): Promise<Response | undefined> => {
      await this.#travel();
      const value = pages.get(address);
      if (value !== undefined) this.#world.coverage.count("edgeHit");
      return value === undefined ? undefined : new Response(value);
    };
    const put = async (address: string, response: Response): Promise<void> => {
      await this.#travel();
      const value = new Uint8Array(await response.arrayBuffer());
      if (this.#world.random.chance(LOST)) pages.delete(address);
      else pages.set(address, value);
    };
    return new EdgePageCache({
      open: async () => ({ match, put }),
      origin: "https://search.simulated",
      waitUntil: (work) => void work,
    });
  }

  async #travel(): Promise<void> {
    const { timeline, random } = this.#world;
    await timeline.sleep(this.#actor, random.between(1, MAX_WAY_MS));
    if (random.chance(this.#world.rates().kvRefused)) throw new Error("the cache does not answer");
  }
}
