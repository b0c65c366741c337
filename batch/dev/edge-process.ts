/**
 * The process that stands for Cloudflare: the built Worker in workerd (by Miniflare) with its KV namespace and its
 * catalog object kept on disk, and KV's REST endpoints over the same namespace. One process, because two Miniflares
 * on one folder corrupt each other's files.
 *
 * The Worker's port is a small guard's: it checks the Host header and hands the request on unchanged. Miniflare's own
 * entry, which can address any worker by name, listens on another port of 127.0.0.1; there the guard answers too, and
 * the Worker behind it has an unguessable name.
 */
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { Miniflare, MiniflareOptions } from "miniflare";
import { LzeroError } from "../../shared/errors.ts";
import { reportReady, stopOnSignal, takeConfig } from "./ipc.ts";
import { type KvBacking, startKvRestServer } from "./kv-rest-server.ts";
import { closeServer, LOOPBACK, loopbackHosts } from "./loopback.ts";

export interface EdgeProcessConfig {
  /** The Worker's port. */
  readonly port: number;
  /** 0: any free one. */
  readonly kvPort: number;
  /** Folder with the Worker as wrangler bundled it. */
  readonly workerFolder: string;
  readonly compatibilityDate: string;
  readonly stateFolder: string;
  readonly accountId: string;
  readonly namespaceId: string;
  readonly apiToken: string;
  /** Text bindings and secrets of the Worker. */
  readonly bindings: Readonly<Record<string, string>>;
}

const RUNTIME_CHECK_MS = 1000;

const GUARD = `export default {
  fetch(request, env) {
    if (env.HOSTS.includes(request.headers.get("host"))) return env.WORKER.fetch(request);
    return new Response("This server answers only to 127.0.0.1 and localhost.\\n", { status: 421 });
  },
};`;

export async function runEdgeProcess(): Promise<void> {
  const config = takeConfig<EdgeProcessConfig>();
  const edge = await startEdge(config);
  stopOnSignal(edge.stop);
  exitWithRuntime(edge.port);
  reportReady({ worker: edge.port, kv: edge.kvPort });
}

/** Miniflare does not say that workerd died: this process ends once nobody listens, and is started again whole. */
function exitWithRuntime(port: number): void {
  setInterval(() => {
    const socket = connect({ host: LOOPBACK, port }, () => socket.destroy());
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNREFUSED") return;
      console.error("workerd is gone");
      process.exit(1);
    });
  }, RUNTIME_CHECK_MS).unref();
}

/** @throws LzeroError `worker_not_built`, `port_in_use` */
export async function startEdge(config: EdgeProcessConfig): Promise<{
  readonly port: number;
  readonly kvPort: number;
  readonly stop: () => Promise<void>;
}> {
  const workerName = `lzero-${randomBytes(16).toString("hex")}`;
  // A package for development, and slow to load: no other command may need it.
  const { Miniflare } = await import("miniflare");
  const miniflare = new Miniflare(await describeEdge(config, workerName));
  try {
    await miniflare.ready;
    const port = Number((await miniflare.unsafeGetDirectURL("guard")).port);
    const namespace = await miniflare.getKVNamespace("INDEX", workerName);
    const kv = await startKvRestServer({ ...config, port: config.kvPort, backing: backingOf(namespace) });
    const stop = async (): Promise<void> => {
      await closeServer(kv.server);
      await miniflare.dispose();
    };
    return { port, kvPort: kv.port, stop };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

async function describeEdge(config: EdgeProcessConfig, workerName: string): Promise<MiniflareOptions> {
  const { compatibilityDate } = config;
  return {
    host: LOOPBACK,
    port: 0,
    // No request to the open internet for the shape of `request.cf`.
    cf: false,
    telemetry: { enabled: false },
    logRequests: false,
    kvPersist: join(config.stateFolder, "kv"),
    durableObjectsPersist: join(config.stateFolder, "catalog"),
    workers: [
      {
        name: "guard",
        modules: true,
        script: GUARD,
        compatibilityDate,
        bindings: { HOSTS: loopbackHosts(config.port) },
        serviceBindings: { WORKER: workerName },
        unsafeDirectSockets: [{ host: LOOPBACK, port: config.port }],
      },
      {
        name: workerName,
        modulesRoot: config.workerFolder,
        modules: await readModules(config.workerFolder),
        compatibilityDate,
        bindings: { ...config.bindings },
        kvNamespaces: { INDEX: config.namespaceId },
        durableObjects: {
          // The key names the object's folder: it must not change with the Worker's name.
          CATALOG: { className: "CatalogObject", useSQLite: true, unsafeUniqueKey: "lzero-CatalogObject" },
        },
      },
    ],
  };
}

type WorkerModule =
  | { readonly type: "ESModule" | "Text"; readonly path: string; readonly contents: string }
  | { readonly type: "CompiledWasm"; readonly path: string; readonly contents: Uint8Array<ArrayBuffer> };

/** The entry first, then the modules beside it: the page's script and style sheet as text, and what is compiled. */
async function readModules(folder: string): Promise<WorkerModule[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw new LzeroError(
      "worker_not_built",
      `${folder} is missing: run \`npm run build\` first`,
      { folder },
      cause,
    );
  }
  const texts = names.filter((name) => name.endsWith(".css") || name.endsWith(".client.js"));
  const scripts = names.filter(
    (name) => name.endsWith(".js") && !texts.includes(name) && name !== "index.js",
  );
  const compiled = names.filter((name) => name.endsWith(".wasm"));
  const load = async (name: string, type: "ESModule" | "Text"): Promise<WorkerModule> => {
    const path = join(folder, name);
    return { type, path, contents: await readFile(path, "utf8") };
  };
  const loadCompiled = async (name: string): Promise<WorkerModule> => {
    const path = join(folder, name);
    return { type: "CompiledWasm", path, contents: Uint8Array.from(await readFile(path)) };
  };
  return Promise.all([
    load("index.js", "ESModule"),
    ...scripts.map((name) => load(name, "ESModule")),
    ...texts.map((name) => load(name, "Text")),
    ...compiled.map(loadCompiled),
  ]);
}

type KvNamespace = Awaited<ReturnType<Miniflare["getKVNamespace"]>>;

function backingOf(namespace: KvNamespace): KvBacking {
  return {
    get: async (key) => {
      const value = await namespace.get(key, "arrayBuffer");
      return value === null ? null : new Uint8Array(value);
    },
    put: (key, value) => namespace.put(key, new Uint8Array(value)),
    delete: (key) => namespace.delete(key),
    list: async ({ prefix, limit, cursor }) => {
      const page = await namespace.list({ prefix, limit, cursor });
      return { keys: page.keys.map(({ name }) => name), cursor: page.list_complete ? null : page.cursor };
    },
  };
}
