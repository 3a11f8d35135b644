/** Svelte 5 reads the types in components by itself; no preprocessor is needed. */
export default {
  compilerOptions: { runes: true },
};
