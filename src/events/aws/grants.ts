/** Whom a request lets in: the principals of the policies in it, and of what AWS has for sharing images and snapshots. */

import { at, isObject, items, type JsonObject, member, text } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import { readJson } from '../exact-json.ts';

export interface Grants {
  /** Accounts other than the one concerned: their ids of twelve digits. */
  readonly accounts: readonly string[];
  /** Whether everybody is let in, without a condition. */
  readonly everybody: boolean;
}

const NOBODY: Grants = { accounts: [], everybody: false };

// Several fields ask for the same; a document is looked through once.
const found = new WeakMap<JsonObject, Grants>();

/**
 * What the request of a record grants to others. Read are: policies, as objects or as JSON in text, wherever they are in
 * the request (`Allow` statements; what a `Condition` narrows is not everybody), launch and volume permissions, the
 * attributes of database snapshots, principals of functions, grants of keys, shares and access lists.
 */
export function grantsOf({ document }: CloudEvent): Grants {
  let grants = found.get(document);
  if (grants === undefined) {
    grants = isObject(document.requestParameters) ? look(document, document.requestParameters) : NOBODY;
    found.set(document, grants);
  }
  return grants;
}

function look(document: JsonObject, request: JsonObject): Grants {
  const principals = new Principals();
  for (const key of ['launchPermission', 'createVolumePermission']) {
    for (const item of items(at(request, [key, 'add', 'items']))) {
      principals.add(member(item, 'userId'));
      principals.add(member(item, 'group'));
    }
  }
  if (request.attributeName === 'restore') for (const value of items(request.valuesToAdd)) principals.add(value);
  for (const value of items(request.principals)) principals.add(value);
  for (const key of ['principal', 'granteePrincipal']) principals.add(request[key]);
  for (const value of items(request['x-amz-acl'])) principals.add(value);
  principals.add(request['x-amz-acl']);
  for (const grant of oneOrMany(at(request, ['AccessControlPolicy', 'AccessControlList', 'Grant']))) {
    principals.add(at(grant, ['Grantee', 'URI']));
  }
  addPolicies(request, principals, 0);
  const own = text(document.recipientAccountId) ?? text(at(document, ['userIdentity', 'accountId']));
  if (own !== undefined) principals.accounts.delete(own);
  return { accounts: [...principals.accounts], everybody: principals.everybody };
}

const EVERYBODY: ReadonlySet<string> = new Set([
  '*',
  'all',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'http://acs.amazonaws.com/groups/global/AllUsers',
  'http://acs.amazonaws.com/groups/global/AuthenticatedUsers',
]);

class Principals {
  readonly accounts = new Set<string>();
  everybody = false;

  /** An account, the name of a principal (ARN), or a word for everybody; anything else is nobody. */
  add(value: unknown): void {
    if (typeof value !== 'string') return;
    if (EVERYBODY.has(value)) this.everybody = true;
    const account = /^(?:arn:aws[\w-]*:(?:iam|sts)::)?(\d{12})(?::|$)/.exec(value)?.[1];
    if (account !== undefined) this.accounts.add(account);
  }
}

/** Policies are a few levels deep at most. */
const DEPTH = 5;

function addPolicies(value: unknown, principals: Principals, depth: number): void {
  if (depth > DEPTH) return;
  if (typeof value === 'string') {
    if (/^\s*\{/.test(value) && value.includes('Statement')) addPolicies(readJson(value), principals, depth + 1);
  } else if (Array.isArray(value)) {
    for (const item of value) addPolicies(item, principals, depth + 1);
  } else if (isObject(value)) {
    for (const statement of oneOrMany(value.Statement)) addStatement(statement, principals);
    for (const key in value) if (key !== 'Statement') addPolicies(value[key], principals, depth + 1);
  }
}

function addStatement(statement: unknown, principals: Principals): void {
  if (!isObject(statement) || statement.Effect !== 'Allow') return;
  const conditional = isObject(statement.Condition) && Object.keys(statement.Condition).length > 0;
  const { Principal } = statement;
  const named = isObject(Principal) ? oneOrMany(Principal.AWS) : [Principal];
  for (const each of named) if (!(conditional && each === '*')) principals.add(each);
}

function oneOrMany(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
