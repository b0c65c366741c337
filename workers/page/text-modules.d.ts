/** Files that the build takes in as text (the rules of wrangler.toml). */
declare module "*.client.js" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: text modules have no other export
  export default text;
}
declare module "*.css" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: text modules have no other export
  export default text;
}
