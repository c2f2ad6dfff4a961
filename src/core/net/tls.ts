/** TLS to a server: the keys of it, shared by the sources and sinks that connect to one. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { PlanContext } from '../component.ts';
import { exitCode, messageOf, UserError } from '../errors.ts';
import { isReadOnce, readText } from '../files/read-once.ts';

/** The names of files under `tls`, of a type of their own: so those of a plan can be found and looked at. */
export class TlsNames {
  declare readonly ca?: string | undefined;
  declare readonly cert?: string | undefined;
  declare readonly key?: string | undefined;
  declare readonly client_ca?: string | undefined;

  constructor(given: Readonly<Partial<Record<'ca' | 'cert' | 'key' | 'client_ca', string | undefined>>>) {
    Object.assign(this, given);
  }
}

/** For `transform` of keys that name files of TLS: with it they are checked before anything is opened. */
export function tlsNames<Given extends object>(given: Given): Given & TlsNames {
  return new TlsNames(given) as Given & TlsNames;
}

const files = {
  ca: z.string().min(1).optional().describe('File with the certificates (PEM) to trust instead of the public ones.'),
  cert: z.string().min(1).optional().describe('File with the certificate (PEM) to show to the server.'),
  key: z.string().min(1).optional().describe('File with the private key (PEM) of that certificate.'),
};

const isPair = ({ cert, key }: { readonly cert?: string | undefined; readonly key?: string | undefined }) =>
  (cert === undefined) === (key === undefined);
const NO_PAIR = '`cert` and `key` belong together';
const WHAT = 'How the server is trusted, and how we show who we are (mutual TLS).';

/** Files (no pipes) are read for each connection, or where connections are kept again on SIGUSR1: certificates are rotated. */
export const tlsKeys = z
  .strictObject({
    ...files,
    server_name: z
      .string()
      .optional()
      .describe("The name that the server's certificate must have. Default: the host's."),
  })
  .refine(isPair, NO_PAIR)
  .transform(tlsNames)
  .describe(WHAT);

/** Where the server is always held to the name of its host. */
export const tlsFileKeys = z.strictObject(files).refine(isPair, NO_PAIR).transform(tlsNames).describe(WHAT);

export type TlsConfig = z.output<typeof tlsKeys>;

export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** Reads the files, as tls.connect wants them. Throws a UserError (exit 78) for one that cannot be read. */
export function readTls(config: Partial<TlsConfig> | undefined, resolve: (path: string) => string): TlsFiles {
  const { ca, cert, key, server_name: servername } = config ?? {};
  return {
    ...(ca ? { ca: text(resolve(ca)) } : {}),
    ...(cert ? { cert: text(resolve(cert)) } : {}),
    ...(key ? { key: text(resolve(key)) } : {}),
    ...(servername ? { servername } : {}),
  };
}

/** What is wrong with one of the files, by its key. */
export interface TlsProblem {
  readonly key: keyof TlsNames;
  readonly message: string;
  readonly hint: string;
}

/** Tells which of the files cannot be read or are not what they should be; of pipes only where these are to be read. */
export function tlsProblems(names: TlsNames, resolve: (path: string) => string, pipes: boolean): TlsProblem[] {
  const problems: TlsProblem[] = [];
  const wrong = (key: keyof TlsNames, message: string, hint: string) => void problems.push({ key, message, hint });
  const content = (key: keyof TlsNames): string | undefined => {
    const file = names[key];
    if (file === undefined) return undefined;
    try {
      return !pipes && isReadOnce(resolve(file)) ? undefined : readText(resolve(file));
    } catch (error) {
      const hint = 'Name a file that this user may read; relative paths start at the folder of the pipeline file.';
      wrong(key, `Cannot read ${file}: ${messageOf(error)}`, hint);
      return undefined;
    }
  };
  const certificateIn = (key: 'ca' | 'cert' | 'client_ca'): X509Certificate | undefined => {
    const pem = content(key);
    try {
      // The same bytes without the frame of PEM are understood here, but not by the connection.
      if (pem?.includes('-----BEGIN ')) return new X509Certificate(pem);
    } catch {}
    if (pem === undefined) return undefined;
    const convert = 'A file in DER becomes one by `openssl x509 -inform der -in FILE`.';
    wrong(key, `There is no certificate in PEM in ${names[key]}`, convert);
    return undefined;
  };
  certificateIn('ca');
  certificateIn('client_ca');
  const cert = certificateIn('cert');
  const pem = content('key');
  if (pem === undefined) return problems;
  try {
    const key = createPrivateKey(pem);
    if (!cert || cert.checkPrivateKey(key)) return problems;
    wrong('key', `${names.key} is the key of another certificate`, `Name the key that ${names.cert} was made with.`);
  } catch {
    const hint = 'A key with a passphrase cannot be used: `openssl pkey -in FILE` writes it without.';
    wrong('key', `There is no private key in PEM that can be used in ${names.key}`, hint);
  }
  return problems;
}

/** The same protocol with TLS. */
const SECURED: Readonly<Record<string, string>> = { http: 'https', ws: 'wss' };

/** Why keys of TLS have no use: none of the addresses has it. Undefined where they have. Only protocols are named. */
export function inTheClear(
  tls: object | undefined,
  addresses: readonly string[],
): { readonly message: string; readonly hint: string } | undefined {
  const protocols = addresses.map((address) => /^[a-z]+(?=:)/i.exec(address)?.[0].toLowerCase() ?? '');
  const [protocol = ''] = protocols;
  if (!tls || protocols.some((each) => ['https', 'wss', 'tls'].includes(each))) return undefined;
  const message = `What is sent by ${protocol}:// goes in the clear, whatever \`tls\` says`;
  return { message, hint: `Write ${SECURED[protocol] ?? 'tls'}://, or remove \`tls\`.` };
}

/** Reports keys of TLS that have no use: who wrote them believes that nothing goes in the clear. */
export function checkTlsUsed(tls: object | undefined, addresses: readonly string[], plan: PlanContext): void {
  const clear = inTheClear(tls, addresses);
  if (clear) plan.report({ severity: 'error', code: 'CONFIG_TLS', ...clear }, ['tls']);
}

function text(path: string): string {
  try {
    return readText(path);
  } catch (cause) {
    throw new UserError(`a file of TLS cannot be read: ${messageOf(cause)}`, { exit: exitCode.config, cause });
  }
}

const HINTS: Record<string, string> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'name the file of its authority under tls.ca',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'name the file of its certificate under tls.ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'name the file of its authority under tls.ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'name the file of its authority under tls.ca',
  ERR_TLS_CERT_ALTNAME_INVALID: 'use that name as the host, or name it under tls.server_name',
  CERT_HAS_EXPIRED: "it needs a new one, unless this machine's clock is wrong",
  CERT_NOT_YET_VALID: "this machine's clock may be wrong",
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers there does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what answers there does not speak TLS',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate: tls.cert and tls.key',
};

/** What went wrong with a connection, and what to do where that is known. */
export function connectionError(error: unknown): string {
  const { errors, cause } = error as { errors?: unknown[]; cause?: unknown };
  const { code, reason } = openSslOf(error) ?? { code: codeOf(error) };
  // One host, several addresses: none of them answered.
  if (errors && errors.length > 0) return [...new Set(errors.map(connectionError))].join('; ');
  if (cause instanceof Error && !HINTS[code]) return connectionError(cause);
  const hint = HINTS[code];
  const words = reason ?? wordsOf(error);
  return hint ? `${words}: ${hint}` : words || code;
}

// That of a DOMException is a number.
function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '');
}

/** What OpenSSL says, which where Node writes stands in the midst of a message of its own. */
function openSslOf(error: unknown): { readonly code: string; readonly reason: string } | undefined {
  const code = codeOf(error);
  const { reason } = error as { reason?: string };
  if (code.startsWith('ERR_SSL_') && reason) return { code, reason };
  const [, said] = (code === 'EPROTO' && /:SSL routines:[^:]*:([^:]+):/.exec(messageOf(error))) || [];
  return said === undefined ? undefined : { code: `ERR_SSL_${said.toUpperCase().replaceAll(' ', '_')}`, reason: said };
}

/** What Node and undici say, without what is not for our users: names of their sources, options of their own. */
function wordsOf(error: unknown): string {
  return messageOf(error)
    .replace(/; if the root CA is installed locally, .*/s, '')
    .replace(
      /^Failed to establish tunnel to .*: HTTP\/\S+ (\d+).*|^Proxy response \((\d+)\) !== 200 .*/s,
      (_, ...status) => refusedBy(status[0] ?? status[1]),
    )
    .replace(/:\s*$/, '');
}

// What a proxy answers that is asked for a tunnel.
function refusedBy(status: string): string {
  const why = status === '407' ? 'wants another user and password' : 'does not lead there';
  return `the proxy ${why}: its answer has the status ${status}`;
}
