/**
 * What the window asks of the home behind it, one function per command.
 *
 * Scope: names, arguments, answers. Non-scope: how a call travels (`tauri.ts`), and what is kept of the answers
 * (`home.svelte.ts`). Every call that can fail rejects with the `Error` of the bindings: `{ code, message, details }`.
 */
import type { Account } from "./bindings/Account";
import type { AccountCheck } from "./bindings/AccountCheck";
import type { AccountForm } from "./bindings/AccountForm";
import type { Answer } from "./bindings/Answer";
import type { Error as Failure } from "./bindings/Error";
import type { Exchanged } from "./bindings/Exchanged";
import type { Knowers } from "./bindings/Knowers";
import type { Move } from "./bindings/Move";
import type { Movers } from "./bindings/Movers";
import type { Numbered } from "./bindings/Numbered";
import type { Observed } from "./bindings/Observed";
import type { OnboardChoice } from "./bindings/OnboardChoice";
import type { Run } from "./bindings/Run";
import type { ServerSuggestion } from "./bindings/ServerSuggestion";
import type { Snapshot } from "./bindings/Snapshot";
import type { Takeover } from "./bindings/Takeover";
import type { TakeoverMethod } from "./bindings/TakeoverMethod";
import type { Via } from "./bindings/Via";
import type { JsonValue } from "./bindings/serde_json/JsonValue";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** One request to one resource; `body` goes with POST and PUT only. */
export type WrittenRequest = { method: Method; href: string; body?: JsonValue };

export interface Host {
  /** Everything as it is now. */
  snapshot(): Promise<Snapshot>;
  /** Events from now on, in batches; `onLagged`: some were dropped, so take a new snapshot. */
  subscribe(onEvents: (batch: Numbered[]) => void, onLagged: () => void): Promise<void>;

  startSearch(): Promise<void>;
  stopSearch(): Promise<void>;
  /** Asks one address; returns the ids of the devices there. */
  addAddress(address: string): Promise<string[]>;

  suggestServer(jid: string): Promise<ServerSuggestion>;
  /** `password: null` means the one that is remembered for the same JID. Rejects only where the form is refused. */
  checkAccount(form: AccountForm, password: string | null): Promise<AccountCheck>;
  setAccount(form: AccountForm, password: string | null): Promise<Account>;
  /** Signs out, and keeps the account and its password no longer. The devices keep theirs. */
  forgetAccount(): Promise<void>;
  /** Who knows the account's password: on this network, and elsewhere. */
  whoKnows(): Promise<Knowers>;
  /**
   * Another password for the account: at the server, here, and on the devices of `choices`, whose runs tell how it goes.
   * Every other device that knows the old one is named in `leftOut`.
   */
  changePassword(password: string, choices: OnboardChoice[], leftOut: string[]): Promise<Run[]>;
  /**
   * Begins to move the house to another account, or goes on with it: the window shows and uses the devices of both as one.
   * Nothing is changed on any device.
   */
  beginMove(form: AccountForm, password: string | null): Promise<Move>;
  /** Who has moved, and how the others can be moved now. */
  whoMoves(): Promise<Movers>;
  /** Gives these devices the new account; their runs tell how it goes. */
  moveDevices(choices: OnboardChoice[]): Promise<Run[]>;
  /**
   * The house has the new account from now on. Whoever did not move is named in `leftOut`. `deleteOld`: the old account is
   * deleted at its server before.
   */
  finishMove(leftOut: string[], deleteOld: boolean): Promise<void>;
  /** Stays with the old account. Rejects where a device has the new one. */
  stopMove(): Promise<void>;
  /** Connects now, instead of at the next try or after a refusal. */
  tryNow(): Promise<void>;

  onboard(choices: OnboardChoice[]): Promise<Run[]>;
  /** The same, each with an account of its own, which is made at the house's server. */
  onboardWithOwnAccounts(choices: OnboardChoice[]): Promise<Run[]>;
  cancelOnboarding(id: string): Promise<void>;
  undoOnboarding(id: string): Promise<void>;
  /**
   * Begins to make a secured device ours, by this method or by the safest that it offers; its takeover tells how it goes,
   * and asks for the PIN. The device has another id afterwards.
   */
  takeOver(id: string, method: TakeoverMethod | null): Promise<Takeover>;
  /** The PIN that the device shows. Rejects where none is asked for. */
  answerPin(id: string, pin: string): Promise<void>;
  cancelTakeover(id: string): Promise<void>;
  /** Does what is left of one that was cut short when the device was ours already. */
  finishTakeover(id: string): Promise<void>;
  /** The device forgets us, its account and all that it was given. */
  giveUp(id: string): Promise<void>;
  /** It is lost, or was reset by hand: it is ours no longer. Rejects while it answers. */
  forgetKey(id: string): Promise<void>;
  /** The keys of our devices, into an encrypted file that the system's dialog asks for; how many, or null: no file. */
  saveBackup(passphrase: string): Promise<number | null>;
  /** And back. */
  restoreBackup(passphrase: string): Promise<number | null>;
  /** Keeps an account that the person has at hand for one device, which is given it instead of one that would be made. */
  useAccountFor(id: string, jid: string, password: string): Promise<void>;
  /** Another password for devices that have accounts of their own; each run tells how it goes. */
  renewPasswords(choices: OnboardChoice[]): Promise<Run[]>;
  /** Ends the account that a lost device has for itself, wherever the device is; it is forgotten. */
  shutOut(id: string): Promise<void>;
  /** Clears server and account on the device, which has to answer on this network; its run tells how it goes. */
  takeAccountBack(id: string): Promise<void>;

  request(id: string, request: WrittenRequest, via: Via): Promise<Answer>;
  /** The same, with what went over the wire meanwhile; a failure has that too, and is no rejection. */
  requestShown(id: string, request: WrittenRequest, via: Via): Promise<Exchanged>;
  /** One observation at a time, by a number of the window's own; the first notification is the value now. */
  observe(number: number, id: string, href: string, onObserved: (observed: Observed) => void): Promise<void>;
  /** Ends it, if it is still that one. */
  stopObserving(number: number): Promise<void>;
  /** Asks for a value: `{ value: true }`. */
  set(id: string, href: string, value: { [property: string]: JsonValue }): Promise<void>;
  /** Asks for the same value of several members of a collection, in one request. */
  setTogether(
    id: string,
    collection: string,
    members: string[],
    value: { [property: string]: JsonValue },
  ): Promise<void>;
  /** Shows a device no longer, until it answers again. Rejects for one that is online. */
  forgetDevice(id: string): Promise<void>;
  /** The devices on screen: these are described and observed, others are not. */
  watch(ids: string[]): Promise<void>;

  /** The system's file dialog; null: nothing was chosen. */
  chooseCaFile(): Promise<string | null>;
  copyText(text: string): Promise<void>;
}

/** Whatever was thrown, as a failure with a code. */
export function asFailure(thrown: unknown): Failure {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown)
    return thrown as Failure;
  return { code: "internal", message: String(thrown), details: null };
}
