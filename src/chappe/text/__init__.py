"""What a short message is made of: alphabets, headers, parts.  Pure: octets and text in, octets and text out."""
