"use strict";
// Shows the cases that fit what the filter says. The filter is kept in the address, so that a link leads to what one sees.
const form = document.getElementById("filter");
const cases = [...document.querySelectorAll(".case")];
const texts = new Map();

const textOf = (each) => {
  if (!texts.has(each)) texts.set(each, each.textContent.toLowerCase());
  return texts.get(each);
};

const fits = (each, asked) =>
  Object.entries(asked).every(([name, value]) =>
    name === "q" ? value.toLowerCase().split(/\s+/).every((word) => textOf(each).includes(word)) : each.dataset[name] === value);

const show = () => {
  const asked = Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim()));
  let count = 0;
  for (const each of cases) {
    each.hidden = !fits(each, asked);
    count += each.hidden ? 0 : 1;
  }
  document.getElementById("count").value = `${count} of ${cases.length}`;
  document.getElementById("nothing").hidden = count > 0 || !cases.length;
  return asked;
};

const read = () => {
  const said = new URLSearchParams(location.hash.slice(1));
  for (const field of form.elements) if (field.name) field.value = said.get(field.name) ?? "";
  show();
  if (said.get("open") === "all") openAll(true);
  const target = /^#case-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
  if (target) target.open = true;
};

const openAll = (open) => {
  for (const each of document.querySelectorAll(".case:not([hidden]), .case:not([hidden]) .more")) each.open = open;
  document.getElementById("open").textContent = open ? "close all" : "open all";
};

form.addEventListener("input", () => {
  const asked = new URLSearchParams(show()).toString();
  history.replaceState(null, "", asked ? `#${asked}` : location.pathname + location.search);
});
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("open").addEventListener("click", (event) => openAll(event.target.textContent === "open all"));
window.addEventListener("hashchange", read);
form.hidden = !cases.length;
read();
