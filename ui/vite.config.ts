import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

// Served from the app's own scheme, so every path is relative; the oldest engine is WebKitGTK 2.40's.
export default defineConfig(({ command }) => ({
  base: "./",
  plugins: [svelte(), svelteTesting({ autoCleanup: false })],
  define: { __DRAFT__: JSON.stringify(command === "serve") },
  clearScreen: false,
  server: { port: 5173, strictPort: true, host: "127.0.0.1" },
  build: {
    target: ["safari16", "chrome111"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  test: {
    environment: "jsdom",
    setupFiles: ["src/test-setup.ts"],
    include: ["src/**/*.test.ts"],
    restoreMocks: true,
    testTimeout: 20_000,
    pool: "threads",
    // On two cores the default is one.
    maxWorkers: "100%",
  },
}));
