/** Folders that go with their test, disks that get full, and what a job left in its files. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Disk, REAL_DISK } from "../../../../batch/publish/file-spool.ts";
import type { MergeJobResult } from "../../../../batch/publish/merge-job.ts";
import { isStored, StoredDocumentReader, StoredPageReader } from "../../../../batch/publish/stored-merge.ts";
import type { MergedDocument } from "../../../../shared/format/merge-segments.ts";

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "lzero-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function listFolder(folder: string): string[] {
  return readdirSync(folder).sort();
}

/** A disk with room for so many bytes; the last write before it is full is cut, as a real one may be. */
export function smallDisk(roomBytes: number): Disk {
  let left = roomBytes;
  return {
    open: REAL_DISK.open,
    write: (file, bytes) => {
      if (left === 0)
        throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      const written = REAL_DISK.write(file, bytes.subarray(0, left));
      left -= written;
      return written;
    },
  };
}

/** Everything that a job made, in memory. */
export function readResult({ segment, documents }: MergeJobResult): {
  pages: Uint8Array[];
  documents: MergedDocument[];
} {
  return {
    pages: isStored(segment.pages) ? readAll(new StoredPageReader(segment.pages)) : segment.pages,
    documents: isStored(documents) ? readAll(new StoredDocumentReader(documents)) : documents,
  };
}

function readAll<Value>(reader: {
  length: number;
  slice(start: number, end: number): Value[];
  close(): void;
}): Value[] {
  try {
    return reader.slice(0, reader.length);
  } finally {
    reader.close();
  }
}
