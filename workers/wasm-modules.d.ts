/** WebAssembly that the build compiled: a Worker may instantiate what is imported, and compile nothing itself. */
declare module "*.wasm" {
  const compiled: WebAssembly.Module;
  // biome-ignore lint/style/noDefaultExport: such modules have no other export
  export default compiled;
}
