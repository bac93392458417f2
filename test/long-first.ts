import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take longer than their length tells. */
const LONG = [
  'test/http/bodies/bodyless.test.ts',
  'test/http/service.test.ts',
  'test/http/sockets.test.ts',
  'telegram-emulator/test/clients/',
  'telegram-emulator/test/wire.test.ts',
  'test/telegram/mtproto/',
  'test/faults/crash.test.ts',
  'test/faults/spool-crash.test.ts',
]

/** What takes longest begins first, or the last file runs alone while other cores are idle. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      LONG.some((path) => moduleId.includes(path))
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}
