/** The keys of sources that listen: where, for whom, how much. */

import { z } from 'zod';
import { listening } from '../../core/claim.ts';
import type { PlanContext } from '../../core/component.ts';
import { size, wait } from '../../core/config.ts';
import { address, addressOf, isLoopback } from '../../core/net/address.ts';
import { warnOfExposed } from '../../core/net/exposed.ts';
import { tlsNames } from '../../core/net/tls.ts';
import { secret } from '../../core/secret.ts';

const tlsKeys = z
  .strictObject({
    cert: z
      .string()
      .min(1)
      .describe('File with the certificate (PEM) that is shown, and those between it and its authority.'),
    key: z.string().min(1).describe('File with the private key (PEM) of that certificate.'),
    client_ca: z
      .string()
      .min(1)
      .optional()
      .describe('File with the certificates (PEM) of authorities: only clients with a certificate of theirs get in.'),
  })
  .transform(tlsNames)
  .describe('Serves HTTPS. The files are looked at once a minute, so that certificates can be rotated.');

/** The keys of a server at loopback, unless told otherwise. */
export function serverKeys(port: number, path: string) {
  return {
    listen: address(`127.0.0.1:${port}`)
      .default(`127.0.0.1:${port}`)
      .describe('Address and port; only what runs on this machine reaches the default.'),
    path: z
      .string()
      .regex(/^\/[^?#]*$/, 'a path begins with /')
      .default(path)
      .describe('The path of requests.'),
    tls: tlsKeys.optional(),
    bearer_token: secret().optional().describe('The token that requests must bear: `Authorization: Bearer …`.'),
    max_body: size().prefault('12MiB').describe('The largest body of a request; a larger one is answered with 413.'),
    timeout: wait()
      .prefault('20s')
      .describe('How long a request may take until its events have settled; then it is answered with 503.'),
  };
}

export interface ServerConfig {
  readonly listen: string;
  readonly path: string;
  readonly tls?: z.output<typeof tlsKeys> | undefined;
  readonly bearer_token?: { read(resolve: (path: string) => string): string } | undefined;
  readonly max_body: number;
  readonly timeout: number;
}

/** Claims where a server listens, and warns of one that anybody may tell anything. */
export function checkServer(config: ServerConfig, plan: PlanContext): void {
  const { listen, tls, bearer_token: token } = config;
  plan.claim(listening(listen), ['listen']);
  if (isLoopback(addressOf(listen).host)) return;
  if (!token && !tls?.client_ca) {
    const message = `Whoever reaches ${listen} can make up events`;
    const hint = 'Set `bearer_token`, or `tls` with `client_ca`.';
    plan.report({ severity: 'warning', code: 'LISTEN_OPEN', message, hint }, ['listen']);
  } else if (!tls) {
    const message = `The token crosses the network to ${listen} in the clear`;
    warnOfExposed({ message, hint: 'Set `tls`.' }, plan, ['listen']);
  }
}
