// SPDX-License-Identifier: Apache-2.0
/// The scanner against simdjson's DOM parser: both accept or both refuse, and mapped values are
/// equal. One document per parse with a padded copy: simdjson's streams are not trusted with bad
/// input. Where the two differ by design nothing is compared: numbers that no double or 64-bit
/// integer holds (RFC 8259 allows them), lone surrogates (allowed by its grammar), and depth.
#include <simdjson.h>

#include <cstdlib>
#include <cstring>
#include <string>

extern "C" {
#include "ingest/decode/json_scan.h"
}

namespace
{

const struct text key_a[] = {{"a", 1}};
const struct text key_ab[] = {{"a", 1}, {"b", 1}};
const struct text key_c[] = {{"c", 1}};
const struct text key_l[] = {{"l", 1}};
/// The fields of the message, then those of an element of "l"; `flat` knows the first three only.
json_path paths[] = {{key_a, 1, false, 0},
                     {key_ab, 2, false, 0},
                     {key_c, 1, false, 0},
                     {key_a, 1, true, 0},
                     {key_ab, 2, true, 0}};
json_path flat_paths[] = {{key_a, 1, false, 0}, {key_ab, 2, false, 0}, {key_c, 1, false, 0}};
json_path array_path = {key_l, 1, false, 0};
arena plan_arena;
json_plan plan;
json_plan flat_plan;
json_capture capture;
json_capture flat_capture;

void require(bool condition)
{
    if (!condition) {
        std::abort();
    }
}

/// The last member with this key: simdjson's operator[] gives the first.
bool last_member(simdjson::dom::element parent, const char *key, simdjson::dom::element &found)
{
    simdjson::dom::object object;
    if (parent.get(object) != simdjson::SUCCESS) {
        return false;
    }
    bool any = false;
    for (auto member : object) {
        if (member.key == key) {
            found = member.value;
            any = true;
        }
    }
    return any;
}

void compare_string(const decode_field &field, std::string_view expected)
{
    std::string text(field.bytes, field.size);
    if (field.escape == FIELD_ESCAPED_JSON) {
        std::string plain(field.size, '\0');
        plain.resize(json_string_unescape({field.bytes, field.size}, plain.data()));
        text = plain;
    }
    require(text == expected);
}

void compare_number(const decode_field &field, simdjson::dom::element element)
{
    std::string text(field.bytes, field.size);
    double expected = element.get_double().value_unsafe();
    require(std::strtod(text.c_str(), nullptr) == expected);
}

void compare_field(const decode_field &field, bool present, simdjson::dom::element element)
{
    using simdjson::dom::element_type;
    if (!present || element.is_null()) {
        require(field.kind == FIELD_MISSING);
        return;
    }
    switch (element.type()) {
    case element_type::STRING:
        require(field.kind == FIELD_STRING);
        compare_string(field, element.get_string().value_unsafe());
        break;
    case element_type::BOOL:
        require(field.kind == (element.get_bool().value_unsafe() ? FIELD_TRUE : FIELD_FALSE));
        break;
    case element_type::OBJECT:
        require(field.kind == FIELD_OBJECT);
        break;
    case element_type::ARRAY:
        require(field.kind == FIELD_ARRAY);
        break;
    default:
        require(field.kind == FIELD_NUMBER);
        compare_number(field, element);
    }
}

void compare_values(const json_capture &found, const json_path *places, simdjson::dom::element root)
{
    simdjson::dom::element a, b, c;
    bool has_a = last_member(root, "a", a);
    bool has_b = has_a && last_member(a, "b", b);
    bool has_c = last_member(root, "c", c);
    compare_field(found.fields[places[0].field], has_a, a);
    compare_field(found.fields[places[1].field], has_b, b);
    compare_field(found.fields[places[2].field], has_c, c);
}

/// Applies the tape of one element to the fields. Returns the index behind it.
size_t load_element(const char *begin, size_t index)
{
    const json_node &node = plan.nodes[plan.unroll_node];
    for (uint16_t field = node.field_begin; field < node.field_end; field++) {
        capture.fields[field] = decode_field{};
    }
    for (index++; index < capture.tape_count; index++) {
        const json_tape_entry &entry = capture.tape[index];
        if (entry.operation == JSON_TAPE_ELEMENT) {
            break;
        }
        if (entry.operation == JSON_TAPE_CLEAR) {
            for (uint32_t field = entry.first; field < entry.size; field++) {
                capture.fields[field] = decode_field{};
            }
        } else {
            capture.fields[entry.first] =
                decode_field{begin + entry.offset, entry.size, uint8_t(entry.value & 15),
                             uint8_t(entry.value >> 4)};
        }
    }
    return index;
}

void compare_elements(const char *begin, simdjson::dom::element root)
{
    simdjson::dom::element list, a, b;
    simdjson::dom::array array;
    bool has_list = last_member(root, "l", list) && list.get(array) == simdjson::SUCCESS;
    require(has_list == (capture.fields[plan.unroll_field].kind == FIELD_ARRAY));
    if (!has_list) {
        return;
    }
    size_t index = 0;
    uint32_t count = 0;
    for (auto element : array) {
        require(index < capture.tape_count);
        require(((capture.tape[index].value & 15) == FIELD_OBJECT) == element.is_object());
        index = load_element(begin, index);
        bool has_a = last_member(element, "a", a);
        bool has_b = has_a && last_member(a, "b", b);
        compare_field(capture.fields[paths[3].field], has_a, a);
        compare_field(capture.fields[paths[4].field], has_b, b);
        count++;
    }
    require(index == capture.tape_count && count == capture.element_count);
}

/// "\ud800" to "\udfff" in any case, anywhere: the two may differ.
bool may_hold_surrogate(const std::string &text)
{
    for (size_t at = text.find("\\u"); at != std::string::npos; at = text.find("\\u", at + 1)) {
        if (at + 3 < text.size() && (text[at + 2] | 0x20) == 'd' && text[at + 3] >= '8') {
            return true;
        }
    }
    return false;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static simdjson::dom::parser parser;
    if (plan.nodes == nullptr) {
        json_plan_build(&plan, &plan_arena, paths, 5, &array_path);
        json_plan_build(&flat_plan, &plan_arena, flat_paths, 3, nullptr);
        json_capture_init(&capture, &plan);
        json_capture_init(&flat_capture, &flat_plan);
    }
    std::string copy(reinterpret_cast<const char *>(data), size);
    char *exact = static_cast<char *>(std::malloc(size + 1));
    std::memcpy(exact, data, size);
    reject_reason reason = json_scan(&plan, {exact, size}, &capture);
    require(json_scan(&flat_plan, {exact, size}, &flat_capture) == reason);
    simdjson::dom::element root;
    auto fault = parser.parse(simdjson::padded_string(copy)).get(root);
    bool by_design = fault == simdjson::NUMBER_ERROR || fault == simdjson::DEPTH_ERROR ||
                     reason == REJECT_TOO_DEEP ||
                     (fault == simdjson::STRING_ERROR && may_hold_surrogate(copy));
    if (!by_design) {
        require((reason == REJECT_NONE) == (fault == simdjson::SUCCESS));
    }
    if (reason == REJECT_NONE && fault == simdjson::SUCCESS) {
        compare_values(capture, paths, root);
        compare_values(flat_capture, flat_paths, root);
        compare_elements(exact, root);
    }
    std::free(exact);
    return 0;
}
