/** The default English stop words of Lucene's StandardAnalyzer: those that a user of BM25 leaves out first. */
export const LUCENE_STOP_WORDS: ReadonlySet<string> = new Set(
  "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with".split(
    " ",
  ),
);
