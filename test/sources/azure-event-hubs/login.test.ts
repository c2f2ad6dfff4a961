/** Who the source `azure_event_hubs` is to a hub. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SourceError } from '../../../src/core/errors.ts';
import { makeCertificates } from '../../sinks/servers.ts';
import { closing, fill, hubOf, opened } from './stage.ts';

describe('who we are', () => {
  const { cert, key, ca } = makeCertificates();
  const tls = { cert: readFileSync(cert), key: readFileSync(key) };
  const trusted = getCACertificates('default');
  beforeAll(() => setDefaultCACertificates([...trusted, readFileSync(ca, 'utf8')]));
  afterAll(() => setDefaultCACertificates(trusted));

  it('is known by a key over TLS, and through web sockets', async () => {
    for (const websockets of [false, true]) {
      const hub = await hubOf({ tls, websockets });
      fill(hub, 6);
      const source = opened(hub, { config: { transport: websockets ? 'websockets' : 'amqp' } });
      await source.until(() => source.ids.length === 6);
      await source.stop();
    }
  });

  it('is a managed identity where no connection string is given, refused as any other', async () => {
    const identity = createServer((request, response) => {
      const resource = new URL(request.url ?? '', 'http://x').searchParams.get('resource');
      const expires_on = String(Math.floor(Date.now() / 1000) + 3600);
      response.end(
        JSON.stringify({ access_token: `token for ${resource}`, expires_on, resource, token_type: 'Bearer' }),
      );
    });
    await once(identity.listen(0, '127.0.0.1'), 'listening');
    closing.push(async () => void identity.close());
    const hub = await hubOf({ tls });
    hub.tokens.add('token for https://eventhubs.azure.net/');
    fill(hub, 6);
    process.env.IDENTITY_ENDPOINT = `http://127.0.0.1:${(identity.address() as AddressInfo).port}/`;
    process.env.IDENTITY_HEADER = 'x';
    const config = { connection: undefined, namespace: hub.address, hub: 'audit' };
    const source = opened(hub, { config });
    await source.until(() => source.ids.length === 6);
    hub.tokens.clear();
    const refused = opened(hub, { config });
    await refused.until(() => refused.end !== 'open');
    expect(refused.end).toBeInstanceOf(SourceError);
    delete process.env.IDENTITY_ENDPOINT;
    delete process.env.IDENTITY_HEADER;
  });
});
