/** What is used of undici, loaded by the first sink that needs it: a CommonJS package has no names for `import()`. */

export { Agent, type Dispatcher, EnvHttpProxyAgent, Pool, ProxyAgent, request } from 'undici';
