import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface LockedPackage {
  link?: boolean
  integrity?: string
}

test('every package of the lock file is named with the digest of what is installed', () => {
  const text = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')
  const { packages }: { packages: Record<string, LockedPackage> } = JSON.parse(text)

  // The root and the packages beside it are no downloads.
  const installed = Object.entries(packages).filter(
    ([path, { link }]) => path.includes('node_modules/') && !link,
  )
  const bare = installed.filter(([, { integrity = '' }]) => !/^sha512-\S{86}==$/.test(integrity))

  expect(installed.length).toBeGreaterThan(200)
  expect(bare.map(([path]) => path)).toEqual([])
})
