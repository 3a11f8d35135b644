/** Every word of the window, in English. Short, plain, and never more than is known. */
import { controls } from "./controls";
import { count } from "./count";
import { devices } from "./devices";
import { failures } from "./failures";
import { moving } from "./moving";
import { onboarding } from "./onboarding";
import { ownAccounts } from "./own-accounts";
import { ownership } from "./ownership";
import { properties } from "./properties";

const deviceCount = (n: number) => count(n, "device", "devices");

export const en = {
  app: "Homeward",
  failures,
  properties,
  ...controls,
  ...devices,
  ...onboarding,
  ...ownership,
  ...moving,
  ...ownAccounts,

  common: {
    back: "Back",
    cancel: "Cancel",
    close: "Close",
    details: "Details",
    dismiss: "Dismiss",
    copy: "Copy",
    none: "none",
    devices: deviceCount,
    milliseconds: (ms: number) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`),
    seconds: (s: number) => `${s} s`,
    clock: (ms: number) => new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }),
    day: (ms: number) =>
      new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" }),
    dayCount: (n: number) => count(n, "day", "days"),
    moment: (ms: number) =>
      new Date(ms).toLocaleString("en-GB", {
        day: "numeric",
        month: "short",
        year: "numeric",
        hour: "2-digit",
        minute: "2-digit",
      }),
    age: (ms: number): string => {
      const s = Math.max(0, Math.round(ms / 1000));
      if (s < 60) return `${s} s`;
      const min = Math.floor(s / 60);
      if (min < 60) return `${min} min`;
      const h = Math.floor(min / 60);
      if (h < 24) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
      return count(Math.floor(h / 24), "day", "days");
    },
    ago: (age: string) => `${age} ago`,
    number: (value: number, digits = 1) =>
      value.toLocaleString("en-GB", { maximumFractionDigits: digits }).replace("-", "−"),
  },

  opening: {
    wait: "Opening your home…",
    broken: "Homeward could not open your home",
  },

  nav: { label: "Main", home: "Home", add: "Add", settings: "Settings" },

  welcome: {
    title: "Reach your home from anywhere",
    text: "Homeward introduces the devices around you to an XMPP account of yours. From then on you see and control them from wherever you are. No cloud in between, only the server that you choose.",
    needs: [
      { icon: "key", title: "An XMPP account", text: "on any server, also your own" },
      { icon: "power", title: "Devices, switched on", text: "on the network you are on now" },
      { icon: "undo", title: "Five minutes", text: "you see each step before it is done" },
    ],
    start: "Set up my devices",
    already: "They are set up already",
  },

  locked: {
    refused: (server: string) => `${server} no longer takes this password`,
    refusedText:
      "It was probably changed, or the account is locked. We tried once and stopped, so that more tries don’t lock it for longer. Your devices are not affected as long as they stay signed in.",
    missing: (server: string) => `Sign in at ${server} again`,
    missingText:
      "The password was not kept in this computer’s keyring, so it is asked at each start. It goes to your server, and to no file.",
    password: (jid: string) => `Password for ${jid}`,
    changed: "Changed it on purpose?",
    changedText: (devices: string) =>
      `${devices} may still have the old one, and lose their connection when they next sign in. Set those up again with the new one.`,
    another: "Use another account",
    look: "See what was last known",
    signIn: "Sign in",
    working: "Signing in…",
  },

  strip: {
    label: "Connection",
    computer: "This computer",
    home: "Home",
    noDevice: "no device yet",
    noAnswer: "no answer",
    states: {
      connected: "Connected",
      connecting: "Signing in",
      suspended: "Not connected",
      refused: "Signed out",
      offline: "No account",
    },
    layers: {
      dns: "finding the name",
      tcp: "calling",
      tls: "encrypting",
      sasl: "signing in",
      bind: "taking its place",
      roster: "reading contacts",
    },
    onThisNetwork: (n: number) => `${n} on this network`,
    remote: (n: number) => `${n} remote`,
    offline: (n: number) => `${n} offline`,
    lastKnown: (n: number) => `${n} as last known`,
  },

  banner: {
    away: (server: string) => `${server} cannot be reached`,
    out: (server: string) => `Signed out of ${server}`,
    known: (time: string) => `You see what was known at ${time}.`,
    unchanged: "What is reached through it cannot be changed until it is back.",
    lanLives: "Devices on this network still answer.",
    again: (seconds: number) => (seconds > 0 ? `We try again in ${seconds} s.` : "We are trying again."),
    stopped: "We don’t try again by ourselves.",
    tryNow: "Try now",
    signInHere: "Sign in here",
    account: "Look at the account",
    tried: "What was tried",
    own: "In the words of who said no:",
  },

  dashboard: {
    title: "All",
    devices: "Devices",
    filter: "Filter devices",
    filterShort: "Filter",
    noMatch: (text: string) => `No device is called “${text}”.`,
    everything: "Show all",
    emptyTitle: "No device lives here yet",
    emptyText: (jid: string) =>
      `You are signed in as ${jid}, but no device uses this account. Set some up from the network they are on, or sign in with the account that they do use.`,
    emptyUnknown: (jid: string) =>
      `You are not signed in as ${jid} now, so nobody knows which devices use this account. Set some up from the network they are on, or look at the account.`,
    cutShort: (devices: string) => `Setting up ${devices} was cut short.`,
    cutShortText: (n: number) =>
      `Homeward ended in the middle of it: what was written by then is on the ${n === 1 ? "device" : "devices"}.`,
    finishOrUndo: "Finish or undo",
    find: "Find devices",
    another: "Use another account",
  },

  settings: {
    title: "Settings",
    account: "Account",
    used: (devices: string) => `Known to use it: ${devices}.`,
    useAnother: "Use another…",
    change: "Change…",
    signOut: "Sign out…",
    signOutTitle: (jid: string) => `Sign out of ${jid}?`,
    signOutText:
      "Homeward forgets the account and its password on this computer. Your devices keep theirs, and stay signed in.",
    signOutGo: "Sign out",
    stay: "Stay signed in",
    newPassword: "New password…",
    server: "Server",
    serverText: (server: string, port: number) => `${server}, port ${port}. Your devices get this address too.`,
    ca: "Certificates",
    caSystem: "This computer’s own list of authorities is trusted.",
    caFile: (file: string) => `Beside this computer’s own list, the authority in ${file} is trusted.`,
    pinned: "Only the certificate with this fingerprint is trusted, whoever signed it:",
    password: "Password",
    kept: "Kept",
    notKept: "Not kept",
    keptText: "Kept in this computer’s keyring, and in no file of Homeward’s.",
    notKeptText: "Not kept: asked at each start.",
    unknownText: "Whether this computer’s keyring takes a password shows when one is to be kept.",
    noKeyring: "This computer’s keyring takes no password",
    noKeyringText:
      "It stays in memory until you quit, and is never written to a file. Until you type it at the next start, your devices can be reached on this network only.",
    backup: {
      title: "Keys of your devices",
      keys: "Keys, and passwords of devices’ own accounts",
      none: "No device is yours or has an account of its own yet. A backup of another computer brings its devices here, too.",
      text: (devices: string) =>
        `${devices} can be commanded only with keys and passwords that are in this computer’s keyring. Without its key, a device has to be reset by hand; without its password, set up anew.`,
      save: "Save a backup…",
      restore: "Restore…",
      saveTitle: "Save the keys of your devices",
      saveWhy: "With the passwords of the accounts that devices have for themselves, in an encrypted file. Whoever has it and its passphrase owns the devices, as you do.",
      restoreTitle: "Restore the keys of your devices",
      restoreWhy: "The devices of the backup become yours on this computer, too. Sign in here with the same account.",
      passphrase: "Passphrase",
      long: (n: number) => `${n} characters or more; several words are good. Nobody can read the file without it.`,
      choose: "Choose the file…",
      busy: "One moment…",
      saved: (devices: string) => `The keys of ${devices} are in the file.`,
      restored: (devices: string) => `${devices} of the backup can be used from here now.`,
    },
    changeAll: "Another password",
    changeAllText: "Changed at the server, on this computer, and on the devices that answer on this network.",
    changeAllAsk: "Change it…",
    password2: {
      title: (jid: string) => `Another password for ${jid}`,
      text: "A server keeps one password for an account: whoever is not given the new one is shut out.",
      password: "New password",
      here: "Given the new one:",
      elsewhere: "Shut out until they are set up anew, as they don’t answer on this network:",
      allow: (devices: string) =>
        `It may go to ${devices} unencrypted. Whoever listens on this network while it does can read it.`,
      keep: "Keep the old one",
      close: "Close",
      go: "Change the password",
      changing: "Changing it",
    },
    knows: "Who knows your password",
    knowsNobody: "No device has your password from this computer.",
    knowsSince: (jid: string, day: string) => `${jid}, since ${day}`,
    rotated: (day: string) => `; its password was changed on ${day}`,
    inTheClear: "In the clear",
    encrypted: "Encrypted",
    overAccount: "Through the server",
    unsure: "Unsure",
    connection: "Connection",
    connected: (jid: string) => `Signed in as ${jid}.`,
    connecting: "Signing in.",
    suspended: "The server cannot be reached; we try again by ourselves.",
    refused: "Signed out. We don’t try again by ourselves.",
    offline: "Not signed in.",
    tryNow: "Try now",
    signInHere: "Sign in here",
  },
};
