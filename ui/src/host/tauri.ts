/** The host inside the app's own window. The only file that knows Tauri. */
import { Channel, invoke } from "@tauri-apps/api/core";
import type { Numbered } from "./bindings/Numbered";
import type { Observed } from "./bindings/Observed";
import type { Host } from "./host";

type Message = { kind: "events"; events: Numbered[] } | { kind: "lagged" };

export const tauri: Host = {
  snapshot: () => invoke("snapshot"),
  subscribe: (onEvents, onLagged) => {
    const channel = new Channel<Message>();
    channel.onmessage = (message) => {
      if (message.kind === "events") onEvents(message.events);
      else onLagged();
    };
    return invoke("subscribe", { channel });
  },
  startSearch: () => invoke("start_search"),
  stopSearch: () => invoke("stop_search"),
  addAddress: (address) => invoke("add_address", { address }),
  suggestServer: (jid) => invoke("suggest_server", { jid }),
  checkAccount: (form, password) => invoke("check_account", { form, password }),
  setAccount: (form, password) => invoke("set_account", { form, password }),
  forgetAccount: () => invoke("forget_account"),
  whoKnows: () => invoke("who_knows"),
  changePassword: (password, choices, leftOut) => invoke("change_password", { password, choices, leftOut }),
  tryNow: () => invoke("try_now"),
  onboard: (choices) => invoke("onboard", { choices }),
  cancelOnboarding: (id) => invoke("cancel_onboarding", { id }),
  undoOnboarding: (id) => invoke("undo_onboarding", { id }),
  takeAccountBack: (id) => invoke("take_account_back", { id }),
  request: (id, request, via) => invoke("request", { id, request, via }),
  requestShown: (id, request, via) => invoke("request_shown", { id, request, via }),
  observe: (number, id, href, onObserved) => {
    const channel = new Channel<Observed>();
    channel.onmessage = onObserved;
    return invoke("observe", { number, id, href, channel });
  },
  stopObserving: (number) => invoke("stop_observing", { number }),
  set: (id, href, value) => invoke("set", { id, href, value }),
  setTogether: (id, collection, members, value) => invoke("set_together", { id, collection, members, value }),
  forgetDevice: (id) => invoke("forget_device", { id }),
  watch: (ids) => invoke("watch", { ids }),
  chooseCaFile: () => invoke("choose_ca_file"),
  copyText: (text) => invoke("copy_text", { text }),
};
