import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const SIZES = [
  { width: 1280, height: 800 },
  { width: 375, height: 740 },
] as const
const SCHEMES = ['light', 'dark'] as const
/** WCAG 2.2, 1.4.10: nothing may need two directions of scrolling at this width. */
const NARROWEST = { width: 320, height: 640 }
/** Enough for a thumb. */
const TARGET = 44

/** Runs `look` at a desktop's and a phone's width, light and dark. */
export async function everyLook(page: Page, look: (name: string) => Promise<void>): Promise<void> {
  for (const size of SIZES) {
    await page.setViewportSize(size)
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await look(`${size.width}-${colorScheme}`)
    }
  }
}

/** Fails with what axe finds wrong, with what is cut off, and with what is too small to be hit. */
export async function expectSound(page: Page, state: string): Promise<void> {
  const faults: string[] = []
  // Not by a script element: the page's policy allows none but its own.
  await page.evaluate(await readFile(AXE, 'utf8'))
  await everyLook(page, async (look) => {
    faults.push(...(await violations(page)).map((text) => `${state}, ${look}: ${text}`))
    const small = look.startsWith('375') ? await smallTargets(page) : []
    faults.push(...small.map((text) => `${state}, ${look}: ${text} is too small for a thumb`))
    if (await overflows(page)) faults.push(`${state}, ${look}: wider than the window`)
  })
  await page.setViewportSize(NARROWEST)
  if (await overflows(page)) faults.push(`${state}: wider than 320 pixels`)
  await page.setViewportSize(SIZES[1])
  await page.evaluate(`document.documentElement.style.fontSize = '200%'`)
  if (await overflows(page)) faults.push(`${state}: letters of twice the size do not fit`)
  await page.evaluate(`document.documentElement.style.fontSize = ''`)
  await page.setViewportSize(SIZES[0])
  expect(faults).toEqual([])
}

async function violations(page: Page): Promise<string[]> {
  // What is in a frame is the file's own affair.
  const found = await page.evaluate(`axe.run({ exclude: ['iframe'] }, {
    iframes: false,
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }).then(({ violations }) => violations.map(({ id, help, nodes }) =>
    id + ': ' + help + ' ' + nodes.map(({ html }) => html).join(' ').slice(0, 400)))`)
  return found as string[]
}

async function overflows(page: Page): Promise<boolean> {
  // A sixteenth of a pixel is rounding.
  return Boolean(
    await page.evaluate(`(() => {
      const roots = [document.documentElement, ...document.querySelectorAll('dialog, .card')]
      return roots.some((root) => root.scrollWidth > root.clientWidth + 1)
    })()`),
  )
}

async function smallTargets(page: Page): Promise<string[]> {
  const found = await page.evaluate(`(() => {
    const scope = document.querySelector('dialog') ?? document
    return [...scope.querySelectorAll('button, a, input:not([type=checkbox], [type=radio]), label:has(input)')]
      .filter((each) => each.checkVisibility() && !each.matches('.unseen'))
      .filter((each) => {
        const { width, height } = each.getBoundingClientRect()
        return Math.min(width, height) < ${TARGET} - 0.1
      })
      .map((each) => each.textContent || each.outerHTML)
  })()`)
  return found as string[]
}
