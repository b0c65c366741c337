/** An index in shards: every document on the one that its id selects, every search on all. A front keeps nothing itself. */
import { documentKey } from "../../shared/catalog/document-key.ts";
import { placeOfKey } from "../../shared/catalog/shard-place.ts";
import type { Backend, DocumentAnswer } from "../backend.ts";
import { checkShardedSearchRequest } from "../search/search-request.ts";
import type { Services } from "../services.ts";
import { acceptFrontDocuments } from "./front-documents.ts";
import { createFrontIndex, describeFrontIndex } from "./front-indexes.ts";
import { describeFrontIngest } from "./front-ingests.ts";
import { searchFront } from "./front-search.ts";
import { encodeGenerations } from "./generation-token.ts";
import { allPlaces, frontOf } from "./shard-client.ts";

export function makeFrontBackend(services: Services): Backend {
  return {
    createIndex: async (context, index, settings) => createFrontIndex(frontOf(context, index), settings),
    describeIndex: async (context, index) => describeFrontIndex(frontOf(context, index)),
    countDocuments: async (context, index) => (await describeFrontIndex(frontOf(context, index))).documents,
    acceptDocuments: (context, request) => acceptFrontDocuments(context, services, request),
    describeIngest: async (context, index, ingestId) =>
      describeFrontIngest(frontOf(context, index), ingestId),
    async findDocument(context, index, id) {
      const front = frontOf(context, index);
      const place = placeOfKey(documentKey(id), front.shards);
      return (await front.call(place, "document", { id })) as DocumentAnswer;
    },
    async removeDocument(context, index, { ifVersion, ...removal }) {
      const front = frontOf(context, index);
      const place = placeOfKey(documentKey(removal.id), front.shards);
      const request = ifVersion === undefined ? removal : { ...removal, ifVersion };
      const { outcome, generation } = await front.call(place, "remove", request);
      const generations = allPlaces(front).map((each) => (each === place ? generation : 0));
      return { outcome, generation: encodeGenerations(generations) };
    },
    async search(context, index, value) {
      const request = checkShardedSearchRequest(value);
      return { answer: await searchFront(frontOf(context, index), request), cost: null };
    },
  };
}
