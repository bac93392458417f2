import { test } from 'vitest'
import { findFlippedBytes } from '../telegram/verify-setup.ts'

test('of a hundred files with a flipped byte each, VERIFY=full finds all', async () => {
  await findFlippedBytes(100)
})
