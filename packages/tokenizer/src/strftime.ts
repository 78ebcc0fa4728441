const MONTHS =
  'January February March April May June July August September October November December'
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'

/** The date in the notation of C's strftime, as far as chat templates use it, in local time. */
export function strftime(format: string, date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const month = MONTHS.split(' ')[date.getMonth()] as string
  const day = DAYS.split(' ')[date.getDay()] as string
  const fields: Record<string, string> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    H: two(date.getHours()),
    I: two(date.getHours() % 12 || 12),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    p: date.getHours() < 12 ? 'AM' : 'PM',
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    '%': '%',
  }
  return format.replace(/%(.)/g, (text, field: string) => fields[field] ?? text)
}
