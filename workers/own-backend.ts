/** An index that is whole: this Worker's own catalog and KV. */
import type { Backend } from "./backend.ts";
import { acceptDocuments } from "./documents/accept-documents.ts";
import { findDocument } from "./documents/find-document.ts";
import { removeDocument } from "./documents/remove-document.ts";
import { answerSearch } from "./search/answer-search.ts";
import { currentManifest } from "./search/current-manifest.ts";
import { makeReadContext } from "./search/read-context.ts";
import { checkSearchRequest } from "./search/search-request.ts";
import type { Services } from "./services.ts";

export function makeOwnBackend(services: Services): Backend {
  return {
    createIndex: ({ env }, index, settings) => services.catalogOf(env, index).create(settings),
    describeIndex: ({ env }, index) => services.catalogOf(env, index).status(),
    async countDocuments(context, index) {
      const { manifest } = await currentManifest(makeReadContext(context, services, index));
      return manifest.segments.reduce(
        (sum, segment) => sum + segment.documents - segment.tombstones.length,
        0,
      );
    },
    acceptDocuments: (context, request) => acceptDocuments(context, services, request),
    describeIngest: ({ env }, index, ingestId) => services.catalogOf(env, index).ingestStatus(ingestId),
    findDocument: (context, index, id) => findDocument(makeReadContext(context, services, index), id),
    removeDocument: ({ env }, index, removal) =>
      removeDocument(services.catalogOf(env, index), index, removal),
    async search(context, index, value) {
      const reader = makeReadContext(context, services, index);
      const answer = await answerSearch(reader, checkSearchRequest(value));
      return { answer, cost: reader.pages };
    },
  };
}
