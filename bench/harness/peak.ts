const SAMPLE_MS = 100

/** The largest sample while `work` runs, and its result. */
export async function peakOf<T>(
  sample: () => number | Promise<number>,
  work: () => Promise<T>,
): Promise<{ peak: number; value: T }> {
  let peak = await sample()
  const timer = setInterval(async () => {
    peak = Math.max(peak, await sample())
  }, SAMPLE_MS)
  try {
    const value = await work()
    return { peak, value }
  } finally {
    clearInterval(timer)
  }
}
