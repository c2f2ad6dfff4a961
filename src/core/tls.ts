/** TLS to a server: the keys of it, shared by the sources and sinks that connect to one. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { PlanContext } from './component.ts';
import { exitCode, messageOf, UserError } from './errors.ts';

const files = {
  ca: z.string().optional().describe('File with the certificates (PEM) to trust instead of the public ones.'),
  cert: z.string().optional().describe('File with the certificate (PEM) to show to the server.'),
  key: z.string().optional().describe('File with the private key (PEM) of that certificate.'),
};

const isPair = ({ cert, key }: { readonly cert?: string | undefined; readonly key?: string | undefined }) =>
  (cert === undefined) === (key === undefined);
const NO_PAIR = '`cert` and `key` belong together';
const WHAT = 'How the server is trusted, and how we show who we are (mutual TLS).';

/** Files are read for each connection, or where connections are kept again on SIGUSR1: certificates are rotated. */
export const tlsKeys = z
  .strictObject({
    ...files,
    server_name: z
      .string()
      .optional()
      .describe("The name that the server's certificate must have. Default: the host's."),
  })
  .refine(isPair, NO_PAIR)
  .describe(WHAT);

/** Where the server is always held to the name of its host. */
export const tlsFileKeys = z.strictObject(files).refine(isPair, NO_PAIR).describe(WHAT);

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

/** Files as they stand under `tls`. */
type Named = Readonly<Partial<Record<'ca' | 'cert' | 'key' | 'client_ca', string | undefined>>>;

/** Reports those of the files, which stand under `tls`, that cannot be read or are not what they should be. */
export function checkTlsFiles(tls: Named | undefined, plan: PlanContext): void {
  const wrong = (name: keyof Named, message: string, hint: string) =>
    plan.report({ severity: 'error', code: 'CONFIG_FILE', message, hint }, ['tls', name]);
  const content = (name: keyof Named): string | undefined => {
    const file = tls?.[name];
    if (file === undefined) return undefined;
    try {
      return readFileSync(plan.resolve(file), 'utf8');
    } catch (error) {
      const hint = 'Name a file that this user may read; relative paths start at the folder of the pipeline file.';
      wrong(name, `Cannot read ${file}: ${messageOf(error)}`, hint);
      return undefined;
    }
  };
  const certificateIn = (name: 'ca' | 'cert' | 'client_ca'): X509Certificate | undefined => {
    const pem = content(name);
    try {
      // The same bytes without the frame of PEM are understood here, but not by the connection.
      if (pem?.includes('-----BEGIN ')) return new X509Certificate(pem);
    } catch {}
    if (pem === undefined) return undefined;
    const convert = 'A file in DER becomes one by `openssl x509 -inform der -in FILE`.';
    wrong(name, `There is no certificate in PEM in ${tls?.[name]}`, convert);
    return undefined;
  };
  certificateIn('ca');
  certificateIn('client_ca');
  const cert = certificateIn('cert');
  const pem = content('key');
  if (pem === undefined) return;
  try {
    const key = createPrivateKey(pem);
    if (!cert || cert.checkPrivateKey(key)) return;
    wrong('key', `${tls?.key} is the key of another certificate`, `Name the key that ${tls?.cert} was made with.`);
  } catch {
    const hint = 'A key with a passphrase cannot be used: `openssl pkey -in FILE` writes it without.';
    wrong('key', `There is no private key in PEM that can be used in ${tls?.key}`, hint);
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
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
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate: tls.cert and tls.key',
};

/** What went wrong with a connection, and what to do where that is known. */
export function connectionError(error: unknown): string {
  const { code = '', errors, cause } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  // One host, several addresses: none of them answered.
  if (errors && errors.length > 0) return [...new Set(errors.map(connectionError))].join('; ');
  if (cause instanceof Error && !HINTS[code]) return connectionError(cause);
  const hint = HINTS[code];
  return hint ? `${messageOf(error)}: ${hint}` : messageOf(error) || code;
}
