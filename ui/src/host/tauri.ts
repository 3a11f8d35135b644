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
  beginMove: (form, password) => invoke("begin_move", { form, password }),
  whoMoves: () => invoke("who_moves"),
  moveDevices: (choices) => invoke("move_devices", { choices }),
  finishMove: (leftOut, deleteOld) => invoke("finish_move", { leftOut, deleteOld }),
  stopMove: () => invoke("stop_move"),
  tryNow: () => invoke("try_now"),
  onboard: (choices) => invoke("onboard", { choices }),
  onboardWithOwnAccounts: (choices) => invoke("onboard_with_own_accounts", { choices }),
  cancelOnboarding: (id) => invoke("cancel_onboarding", { id }),
  undoOnboarding: (id) => invoke("undo_onboarding", { id }),
  takeAccountBack: (id) => invoke("take_account_back", { id }),
  useAccountFor: (id, jid, password) => invoke("use_account_for", { id, jid, password }),
  renewPasswords: (choices) => invoke("renew_passwords", { choices }),
  shutOut: (id) => invoke("shut_out", { id }),
  takeOver: (id, method) => invoke("take_over", { id, method }),
  answerPin: (id, pin) => invoke("answer_pin", { id, pin }),
  cancelTakeover: (id) => invoke("cancel_takeover", { id }),
  finishTakeover: (id) => invoke("finish_takeover", { id }),
  giveUp: (id) => invoke("give_up", { id }),
  forgetKey: (id) => invoke("forget_key", { id }),
  saveBackup: (passphrase) => invoke("save_backup", { passphrase }),
  restoreBackup: (passphrase) => invoke("restore_backup", { passphrase }),
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
