/** Words for making a secured device ours, and giving it up. */
export const ownership = {
  takeOver: {
    title: (name: string) => `Make ${name} yours?`,
    why: "It takes an account only from its owner. Once it is yours, what goes between you is encrypted, and nobody else on this network can command it.",
    withPin:
      "It shows a PIN when you go on: on its display, or in the way that its manual says. With it, nobody else on this network can step in between: that is why it is asked for.",
    justWorks:
      "It needs no PIN. Anybody on this network could listen in at this moment and learn its key: go on only where you trust everybody on the network.",
    noPin: "It shows no PIN",
    safer: "Use the PIN after all",
    go: "Make it yours",
    keep: "Not now",
    asking: "The device is asked",
    pinTitle: (name: string) => `${name} shows a PIN now`,
    pinText: "Type it as it stands there.",
    pin: "PIN",
    pinWrong: (n: number) =>
      `${n === 1 ? "That was not the PIN." : `That was not the PIN either: ${n} wrong so far.`} Look again: the device may show another one now.`,
    pinGo: "Go on",
    goingTitle: (name: string) => `${name} becomes yours`,
    opening: "The secured session is opened",
    steps: {
      owner: "It learns who you are",
      key: "Both make a key that nobody else has",
      owned: "It is yours",
      access: "It learns who may do what",
      ready: "It begins to work",
    },
    proving: "It proves itself with its key",
    done: (name: string) => `${name} is yours`,
    doneText: "It can be given its account now. Nothing of that crosses this network in the clear.",
    close: "Done",
    again: "Try again",
    stop: "Cancel",
    failed: (name: string) => `${name} did not become yours`,
    left: {
      nothing: "The device is as it was before.",
      waiting: "The device is nobody’s. If it takes nobody now, it does within ten minutes.",
      unfinished: "The device is yours, and not ready: its Security page finishes that, or gives it up.",
    },
  },

  owned: {
    sincePin: (day: string) => `Yours since ${day}, proven with the PIN that it showed.`,
    sinceJustWorks: (day: string) =>
      `Yours since ${day}, without a PIN: who listened on this network at that moment could have learned its key.`,
    unfinished: "It is yours, and does not work yet: making it yours was cut short.",
    finish: "Finish",
    own: "Make it yours…",
    giveUp: "Give it up",
    giveUpText: "It forgets you, its account and its settings, and is nobody’s: whoever has it next can make it theirs.",
    giveUpAway: "Only on its own network: it has to be reached directly. If it is lost or was reset, its key can be forgotten.",
    giveUpAsk: "Give up…",
    giveUpTitle: (name: string) => `Give ${name} up?`,
    giveUpWhy:
      "It is reset: it loses its account and all that it was given, and has another identity afterwards. To use it again, it has to be found and made yours anew.",
    giveUpKeep: "Keep it",
    giveUpGo: "Give it up",
    forgetKeyAsk: "Forget its key…",
    forgetKeyTitle: (name: string) => `Forget the key of ${name}?`,
    forgetKeyWhy:
      "Only if it is lost, or was reset as its manual says. If it comes back as it was, nobody can command it on its network before it is reset. What it knows of an account it keeps.",
    forgetKeyGo: "Forget its key",
  },
};
