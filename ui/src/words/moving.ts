/** Words for the move of a house to another account. */
import { count } from "./count";

export const moving = {
  move: {
    ask: "Another account for all devices",
    askText: "They move one by one; whoever cannot be reached works on with the old account until it can.",
    begin: "Move…",
    goOn: "Go on",
    under: (jid: string) => `The house is moving to ${jid}`,
    underText: "The devices of both accounts are shown and used as one.",
    title: (jid: string) => `Your devices move to ${jid}`,
    text: (jid: string) =>
      `Until a device is seen there, it keeps ${jid}. You can stop and go on at any time, also after a restart.`,
    progress: (moved: number, all: number) => `${moved} of ${all} moved`,
    notIn: "Homeward is not signed in to the new account: nothing can be moved now.",
    signingIn: "Signing in to the new account…",
    tryNow: "Try now",
    password: (jid: string) => `Password of ${jid}`,
    signIn: "Sign in",
    devices: "Devices",
    nobody: "No device uses the old account. Finish, and the new one is yours.",
    standing: {
      moved: "Moved",
      here: "On this network",
      overAccount: "Over the old account",
      elsewhere: "Not reachable",
    },
    means: {
      moved: "Seen with the new account; it has said who it is.",
      here: "Is given the new account on this network.",
      overAccount: "Is given the new account through the server. It is not on this network, so a failure cannot be put back.",
      elsewhere: "Works on with the old account. Switch it on, or go to its network.",
    },
    working: (step: string) => `${step}…`,
    stopOne: "Stop",
    stopOneOf: (name: string) => `Stop the move of ${name}`,
    allow: (names: string) =>
      `The new password may go unencrypted to ${names}. Whoever listens on this network while it does can read it.`,
    go: (n: number) => `Move ${count(n, "device", "devices")}`,
    going: "Moving…",
    finish: "Finish…",
    stop: "Stay with the old account",
    finishTitle: (jid: string) => `Use ${jid} from now on?`,
    finishText: (jid: string) => `Homeward signs out of ${jid}.`,
    left: (names: string) => `These did not move, keep the old account, and are shown no longer: ${names}.`,
    leaveThem: "Leave them behind",
    deleteOld: (jid: string) => `Delete ${jid} at its server`,
    deleteText:
      "Whoever has its password has nothing of it any more, and everything else that is kept with that account is gone too.",
    keep: "Not yet",
    finishGo: "Finish the move",
    finishing: "Finishing…",
  },
};
