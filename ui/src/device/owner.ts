/** Whose account a device is signed in with, and which servers its commands pass. Pure. */
import type { Account } from "../host/bindings/Account";
import type { Device } from "../host/bindings/Device";
import { domainOf } from "../parts/house";

/** A full JID without its resource, which may hold anything. */
export const bareOf = (jid: string): string => jid.split("/", 1)[0] ?? jid;

/** The account of ours whose password the device has, or may have. */
export function ourAccountOn({ credential, remote }: Device): string | null {
  if (credential) return credential.jid;
  return remote && !remote.contact ? bareOf(remote.jid) : null;
}

/** Ours, and a contact's own where that is another one. */
export function serversTo({ remote }: Device, account: Account | null): string[] {
  if (!remote) return [];
  const theirs = domainOf(bareOf(remote.jid));
  return [...new Set([account ? domainOf(account.jid) : theirs, theirs])];
}
