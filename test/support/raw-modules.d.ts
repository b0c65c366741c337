/** Vite's imports of a file as a string, in Node and in workerd alike. */
declare module "*?raw" {
  const content: string;
  // biome-ignore lint/style/noDefaultExport: the form of the import is Vite's
  export default content;
}
