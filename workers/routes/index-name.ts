/** The index that an address names. */
import { LzeroError } from "../../shared/errors.ts";
import { INDEX_NAME_PATTERN } from "../../shared/storage/keys.ts";

/** @throws LzeroError `index_name_invalid` */
export function checkIndexName(name: string): string {
  if (!INDEX_NAME_PATTERN.test(name)) {
    throw new LzeroError(
      "index_name_invalid",
      "an index's name is 1 to 64 characters: a-z, 0-9 and -, not beginning with -",
    );
  }
  return name;
}
