/** What is used of undici, loaded by the first list that is fetched by a proxy: a CommonJS package has no names for `import()`. */

export { Agent, EnvHttpProxyAgent, fetch, Pool } from 'undici';
