/** Writes checkpoints as a hub serves them, with small random weights: config.json, model.safetensors, vocab.txt, idf.json. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const TINY = { hidden: 16, inner: 24, layers: 2, heads: 2, positions: 48 } as const;

const WORDS =
  "the a of is and its in as for red planet mars venus earth saturn jupiter spot rings twin size similar known often called spiders short note wing air carries . , : '".split(
    " ",
  );

/** A vocabulary of the golden texts' words, letters for the others, and words that nothing uses. */
export const TINY_VOCABULARY: readonly string[] = [
  ...["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
  ...WORDS,
  ..."bcdefghijklmnopqrstuvwxyz",
  ..."abcdefghijklmnopqrstuvwxyz".split("").map((letter) => `##${letter}`),
  ...Array.from({ length: 120 }, (_, i) => `unused${i}`),
];

export type TinyKind = "bert" | "distilbert";
type Tensors = Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

export interface TinyCheckpoint {
  readonly config: Record<string, unknown>;
  readonly tensors: Tensors;
}

/** Random weights under transformers' names, the head tied to the embeddings. */
export function makeTinyCheckpoint(kind: TinyKind): TinyCheckpoint {
  const { hidden, inner, layers, heads, positions } = TINY;
  const size = TINY_VOCABULARY.length;
  const tensors: Tensors = new Map();
  let state = 17;
  // A sum of twelve uniform numbers is near a normal one.
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const normal = () => Array.from({ length: 12 }, uniform).reduce((sum, value) => sum + value, -6);
  const add = (name: string, shape: readonly number[], scale = 0.3, shift = 0) => {
    const length = shape.reduce((product, side) => product * side, 1);
    tensors.set(name, { shape, data: Float32Array.from({ length }, () => normal() * scale + shift) });
  };
  const addDense = (name: string, out: number, into: number) => {
    add(`${name}.weight`, [out, into]);
    add(`${name}.bias`, [out], 0.1);
  };
  const addNorm = (name: string) => {
    add(`${name}.weight`, [hidden], 0.1, 1);
    add(`${name}.bias`, [hidden], 0.1);
  };
  const isBert = kind === "bert";
  add(`${kind}.embeddings.word_embeddings.weight`, [size, hidden]);
  add(`${kind}.embeddings.position_embeddings.weight`, [positions, hidden]);
  if (isBert) add("bert.embeddings.token_type_embeddings.weight", [2, hidden]);
  addNorm(`${kind}.embeddings.LayerNorm`);
  for (let layer = 0; layer < layers; layer++) {
    const at = isBert ? `bert.encoder.layer.${layer}` : `distilbert.transformer.layer.${layer}`;
    const maps = isBert
      ? ["self.query", "self.key", "self.value", "output.dense"]
      : ["q_lin", "k_lin", "v_lin", "out_lin"];
    for (const map of maps) addDense(`${at}.attention.${map}`, hidden, hidden);
    addNorm(isBert ? `${at}.attention.output.LayerNorm` : `${at}.sa_layer_norm`);
    addDense(isBert ? `${at}.intermediate.dense` : `${at}.ffn.lin1`, inner, hidden);
    addDense(isBert ? `${at}.output.dense` : `${at}.ffn.lin2`, hidden, inner);
    addNorm(isBert ? `${at}.output.LayerNorm` : `${at}.output_layer_norm`);
  }
  addDense(isBert ? "cls.predictions.transform.dense" : "vocab_transform", hidden, hidden);
  addNorm(isBert ? "cls.predictions.transform.LayerNorm" : "vocab_layer_norm");
  add(isBert ? "cls.predictions.bias" : "vocab_projector.bias", [size], 0.5, -1.5);
  const common = { vocab_size: size, max_position_embeddings: positions, tie_word_embeddings: true };
  const config = isBert
    ? {
        ...{ model_type: "bert", ...common, hidden_size: hidden, intermediate_size: inner },
        ...{
          num_hidden_layers: layers,
          num_attention_heads: heads,
          hidden_act: "gelu",
          layer_norm_eps: 1e-12,
        },
      }
    : {
        ...{ model_type: "distilbert", ...common, dim: hidden, hidden_dim: inner },
        ...{ n_layers: layers, n_heads: heads, activation: "gelu" },
      };
  return { config, tensors };
}

/** Writes the folder; an IDF of 1 + id / 100 for each wordpiece. */
export function writeCheckpoint(folder: string, { config, tensors }: TinyCheckpoint): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "model.safetensors"), encodeSafetensors(tensors));
  writeFileSync(join(folder, "vocab.txt"), TINY_VOCABULARY.map((piece) => `${piece}\n`).join(""));
  const idf = Object.fromEntries(TINY_VOCABULARY.map((piece, id) => [piece, 1 + id / 100]));
  writeFileSync(join(folder, "idf.json"), JSON.stringify(idf));
}

function encodeSafetensors(tensors: Tensors): Buffer {
  let end = 0;
  const header: Record<string, object> = { __metadata__: { format: "pt" } };
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const values = [...tensors.values()].map(({ data }) => Buffer.from(data.buffer));
  return Buffer.concat([length, json, ...values]);
}
