/** Where a document is: its places in live segments, in one staged segment, and its remembered deletion. */
import type { CatalogContext } from "./context.ts";
import type { GenerationEdit } from "./generations.ts";
import { DELETION_SEGMENT, locationPrefix, locationSegment } from "./keys.ts";
import { prefixRange } from "./ordered-store.ts";
import { type DeletionRow, decodeDeletion, decodeLocation, type LocationRow } from "./rows.ts";

export interface LivePlace extends LocationRow {
  readonly segment: number;
}

export interface DocumentPlaces {
  /** The one live version, in the generation that is edited. */
  readonly live: LivePlace | null;
  readonly deletion: DeletionRow | null;
  /** The best place in the segment that was asked for. */
  readonly own: LocationRow | null;
}

/** Finds documents in an edited generation; `ownSegment` is the segment being committed, which is not live yet. */
export class DocumentFinder {
  readonly #context: CatalogContext;
  readonly #edit: GenerationEdit;
  readonly #live: ReadonlySet<number>;
  readonly #ownSegment: number | null;

  constructor(context: CatalogContext, edit: GenerationEdit, ownSegment: number | null = null) {
    this.#context = context;
    this.#edit = edit;
    this.#live = new Set(edit.live.map(({ segment }) => segment));
    this.#ownSegment = ownSegment;
  }

  find(documentKey: string): DocumentPlaces {
    let live: LivePlace | null = null;
    let deletion: DeletionRow | null = null;
    let own: LocationRow | null = null;
    for (const { key, value } of this.#context.store.list(prefixRange(locationPrefix(documentKey)))) {
      const segment = locationSegment(key);
      if (segment === DELETION_SEGMENT) {
        deletion = decodeDeletion(value);
      } else if (segment === this.#ownSegment) {
        own = decodeLocation(value);
      } else if (this.#live.has(segment)) {
        const place = decodeLocation(value);
        if (!this.#edit.tombstones.has(segment, place.ordinal)) live = { ...place, segment };
      }
    }
    return { live, deletion, own };
  }
}
