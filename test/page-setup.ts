import { build } from 'vite'

/** Builds the page once before the suite, as `npm start` does. */
export async function setup(): Promise<void> {
  await build({ logLevel: 'warn' })
}
