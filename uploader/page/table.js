// table.js - functions as a table, sorted by any column; rows are added as they are scrolled to.
// SPDX-License-Identifier: MIT

const ROWS_AT_ONCE = 200;

class Table {
  // chosen(frame) hears which function was asked for.
  constructor(host, chosen) {
    Object.assign(this, {host, chosen, by: 'self', down: true, rows: []});
    this.table = document.createElement('table');
    this.end = document.createElement('p');
    host.append(this.table, this.end);
    new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.more()).observe(this.end);
  }

  // view: {amount(value), whole: [a, b], compared}
  show(rows, view) {
    const seen = this.body ? this.body.rows.length : 0, scrolled = this.host.scrollTop, focused = this.focused();
    Object.assign(this, {all: rows, view});
    this.sort();
    while (this.body.rows.length < Math.min(seen, this.rows.length)) this.more();
    this.host.scrollTop = scrolled;
    const again = focused && [...this.body.querySelectorAll('button')].find((one) => one.textContent === focused);
    if (again) again.focus({preventScroll: true});
  }

  // The function whose line has the focus; '' without.
  focused() {
    const at = document.activeElement;
    return this.body && this.body.contains(at) ? at.textContent : '';
  }

  columns() {
    const {amount: text, whole, compared} = this.view, moved = (row) => change(row.total[0], row.total[1], whole[0], whole[1]);
    const columns = [
      {key: 'name', title: 'Function', of: (row) => frames[row.frame].name},
      {key: 'self', title: 'Self', of: (row) => row.self[0], text: (row) => text(row.self[0])},
      {key: 'selfShare', title: 'Self %', of: (row) => row.self[0], text: (row) => share(row.self[0], whole[0])},
      {key: 'total', title: 'Total', of: (row) => row.total[0], text: (row) => text(row.total[0])},
      {key: 'totalShare', title: 'Total %', of: (row) => row.total[0], text: (row) => share(row.total[0], whole[0])},
    ];
    if (compared) columns.push({key: 'moved', title: 'Change of total', of: moved, text: (row) => points(moved(row))});
    columns.push({key: 'place', title: 'Where', of: (row) => frames[row.frame].file || frames[row.frame].module});
    return columns;
  }

  sort() {
    const column = this.columns().find((one) => one.key === this.by) || this.columns()[1];
    const sign = this.down ? -1 : 1;
    this.rows = this.all.filter((row) => !this.search || this.search.test(frames[row.frame].name));
    this.rows.sort((a, b) => sign * compare(column.of(a), column.of(b)) || order(frames[a.frame].name, frames[b.frame].name));
    this.draw();
  }

  find(expression) {
    this.search = expression;
    if (this.all) this.sort();
  }

  head() {
    const head = document.createElement('thead'), row = head.insertRow();
    for (const column of this.columns()) {
      const cell = document.createElement('th'), button = document.createElement('button');
      button.type = 'button';
      button.textContent = column.title;
      button.addEventListener('click', () => this.turn(column));
      cell.scope = 'col';
      cell.setAttribute('aria-sort', column.key !== this.by ? 'none' : this.down ? 'descending' : 'ascending');
      cell.append(button);
      row.append(cell);
    }
    return head;
  }

  turn(column) {
    this.down = column.key === this.by ? !this.down : column.key !== 'name' && column.key !== 'place';
    this.by = column.key;
    this.sort();
    const again = this.table.querySelector(`th:nth-child(${this.columns().findIndex((one) => one.key === column.key) + 1}) button`);
    if (again) again.focus();
  }

  draw() {
    const caption = document.createElement('caption');
    caption.textContent = `${this.rows.length.toLocaleString('en')} functions`;
    this.body = document.createElement('tbody');
    this.table.replaceChildren(caption, this.head(), this.body);
    this.more();
  }

  more() {
    if (!this.body) return;
    const from = this.body.rows.length, to = Math.min(this.rows.length, from + ROWS_AT_ONCE), columns = this.columns();
    for (let i = from; i < to; i++) this.line(this.rows[i], columns);
    this.end.textContent = to < this.rows.length ? `${(this.rows.length - to).toLocaleString('en')} more below` : '';
  }

  line(row, columns) {
    const line = this.body.insertRow();
    for (const column of columns) {
      const cell = line.insertCell();
      if (column.key !== 'name') {
        cell.textContent = column.text ? column.text(row) : column.of(row);
        cell.className = column.key === 'place' ? 'place' : 'number';
        continue;
      }
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = column.of(row);
      button.title = 'Callers and callees';
      button.addEventListener('click', () => this.chosen(row.frame));
      cell.append(button);
    }
  }
}

const compare = (a, b) => (typeof a === 'string' ? order(a, b) : a - b);
