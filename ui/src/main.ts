import { mount } from "svelte";
import "./style/tokens.css";
import "./style/base.css";
import "./style/controls.css";
import "./style/thread.css";
import "./style/shell.css";
import "./style/tiles.css";
import "./style/wizard.css";
import "./style/device.css";
import "./style/states.css";
import "./style/narrow.css";
import App from "./App.svelte";
import { Home } from "./home.svelte";
import type { Host } from "./host/host";

/** The app's own host; in a plain browser under `vite`, a home that is made up. */
async function hostHere(): Promise<Host> {
  if (__DRAFT__ && !("__TAURI_INTERNALS__" in window)) {
    const { draftHost } = await import("./host/fake-drafts");
    return draftHost(new URLSearchParams(location.search));
  }
  const { tauri } = await import("./host/tauri");
  return tauri;
}

const home = new Home(await hostHere());
const target = document.getElementById("app");
if (target) mount(App, { target, props: { home } });
void home.open();
