/** Words for the accounts that devices have for themselves. */
export const ownAccounts = {
  atHand: {
    ask: "Use an account that you have…",
    title: (name: string) => `An account for ${name} alone`,
    why: "At the same server as yours, and used for nothing else. Its password goes to this computer’s keyring and to the device.",
    keep: "Not now",
    go: "Give it this account",
    checking: "Signing in to it…",
  },

  rotate: {
    ask: "Another password",
    text: "Its account is its own: on its own network, it can be given another password by itself.",
    unsure:
      "It may still have an older password than its account. Until it has the present one, it cannot sign in again.",
    askAll: "Another password for each that has its own account",
    textAll: (devices: string) => `${devices}, one by one, where they answer on this network: what does not take it works on with the one it has.`,
    begin: "Rotate…",
    noWay: "It does not answer on this network now.",
    title: (whom: string) => `Another password for ${whom}?`,
    why: "It is made up here and kept in this computer’s keyring. The device gets it first, then its account at the server: what does not take it works on with the one that it has.",
    now: "Now:",
    away: "Not on this network, and left with the one they have:",
    allow: (names: string) =>
      `It may go to ${names} unencrypted. Whoever listens on this network while it does can read it.`,
    keep: "Not now",
    go: "Give it another password",
  },
};
