/** What a part of the laboratory gives: tables for people, rows for the results file. */

export interface SectionReport {
  readonly title: string;
  /** Markdown. */
  readonly text: string;
  readonly rows: readonly unknown[];
}
